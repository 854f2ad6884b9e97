//! The types of tools. [`crate::catalogue`] lists all tools.

use std::pin::Pin;

use schemars::{JsonSchema, Schema};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

use self::arguments::{
    DRY_RUN, PLAN_ID, fields, refuse_long, refuse_missing, refuse_unknown, take_control,
};
pub(crate) use self::arguments::{input, none_or_some};
pub use crate::risk::Risk;
use crate::{Operation, Tailnet, change::Plan, client::Result};

mod answer;
mod arguments;
mod link;
mod page;
mod parameters;
mod schema;
mod scopes;

pub(crate) use self::{
    answer::{MAX_ANSWER_BYTES, short, written},
    link::Link,
    page::{Page, PageSize, Paged, Part, all_but, row},
};

/// A read-only tool. The type itself is the tool's input: its doc comment is the description, and the doc
/// comments of its fields describe the parameters.
pub(crate) trait Query: DeserializeOwned + JsonSchema + Send + 'static {
    /// The tool's name.
    const NAME: &'static str;
    /// The API operations that a call may use. The required OAuth scopes follow from them.
    const OPERATIONS: &'static [Operation];
    /// The required scopes, if they differ from those of the operations.
    const SCOPES: &'static [&'static str] = &[];
    /// Whether the result is a [`Link`] to a resource.
    const LINKS: bool = false;
    /// The result of a call.
    type Output: Serialize;

    /// Runs the call.
    fn call(self, tailnet: &Tailnet) -> impl Future<Output = Result<Self::Output>> + Send;
}

/// A read-only tool that returns a list in pages. The parameters `cursor` and `limit` are added
/// automatically.
pub(crate) trait List: DeserializeOwned + JsonSchema + Send + 'static {
    /// The tool's name.
    const NAME: &'static str;
    /// The API operations that a call may use. The required OAuth scopes follow from them.
    const OPERATIONS: &'static [Operation];
    /// The required scopes, if they differ from those of the operations.
    const SCOPES: &'static [&'static str] = &[];
    /// The default and largest page size.
    const PAGE: PageSize = PageSize::USUAL;
    /// The result of a call: a [`Page`], or a value that contains one.
    type Output: Serialize;

    /// Returns the requested part of the list.
    fn list(
        self,
        tailnet: &Tailnet,
        part: Part,
    ) -> impl Future<Output = Result<Self::Output>> + Send;
}

/// A tool that changes something. It only makes the plan; the guard confirms and applies it. The parameters
/// `dry_run` and `plan_id` are added automatically.
pub(crate) trait Edit: DeserializeOwned + JsonSchema + Send + 'static {
    /// The tool's name.
    const NAME: &'static str;
    /// The lowest access level at which the tool is offered. A plan with a higher risk may still be
    /// refused.
    const RISK: Risk;
    /// The highest risk that a plan may have. The hints for hosts follow from it.
    const WORST: Risk = Self::RISK;
    /// The API operations that a call may use. The required OAuth scopes follow from them.
    const OPERATIONS: &'static [Operation];
    /// The required scopes, if they differ from those of the operations.
    const SCOPES: &'static [&'static str] = &[];

    /// Plans the change. Reads only.
    fn plan(self, tailnet: &Tailnet) -> impl Future<Output = Result<Plan>> + Send;
}

/// A tool that reads or changes, depending on its arguments. Lists are returned in pages.
pub(crate) trait Either: DeserializeOwned + JsonSchema + Send + 'static {
    /// The tool's name.
    const NAME: &'static str;

    /// Returns a result or a plan. Reads only.
    fn ask(self, tailnet: &Tailnet, part: Part) -> impl Future<Output = Result<Output>> + Send;
}

/// What a tool returns before anything is confirmed.
pub(crate) enum Output {
    /// The result, as compact JSON.
    Answer(String),
    /// A plan of changes.
    Plan(Box<Plan>),
}

/// The tools for one area.
pub struct Toolset {
    /// The name of the toolset.
    pub name: &'static str,
    /// A one-sentence description.
    pub about: &'static str,
    /// Instructions for models that use these tools.
    pub instructions: &'static str,
    /// Whether the toolset is offered by default.
    pub default: bool,
    /// The tools, in the order of the manual.
    pub tools: &'static [ToolDef],
}

pub(crate) type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

/// A tool with its type erased, so that all of them fit in one list.
pub struct ToolDef {
    /// The name of the tool.
    pub name: &'static str,
    /// The lowest access level at which the tool is offered.
    pub risk: Risk,
    /// The highest risk of a call.
    pub worst: Risk,
    /// The API operations that a call may use.
    pub operations: &'static [Operation],
    scopes: &'static [&'static str],
    /// Whether the result is a [`Link`] to a resource.
    pub(crate) links: bool,
    body: Body,
}

enum Body {
    Query(for<'a> fn(Value, &'a Tailnet) -> Answer<'a, String>, fn() -> Schema),
    List(for<'a> fn(Value, &'a Tailnet, Part) -> Answer<'a, String>, fn() -> Schema, PageSize),
    Edit(for<'a> fn(Value, &'a Tailnet) -> Answer<'a, Plan>, fn() -> Schema),
    Either(for<'a> fn(Value, &'a Tailnet, Part) -> Answer<'a, Output>, fn() -> Schema),
    /// A single API operation, generated from the OpenAPI document.
    Operation(Operation, Generated),
}

/// How generated tools run a call, and their input schema.
#[derive(Clone, Copy)]
pub(crate) struct Generated {
    /// Returns a result or a plan.
    pub(crate) ask: for<'a> fn(Operation, Value, &'a Tailnet, Part) -> Answer<'a, Output>,
    /// The JSON schema of the arguments, limited to what all hosts accept.
    pub(crate) input: fn(Operation) -> Value,
}

/// The names of the parameters of `T`.
pub(crate) fn parameters<T: JsonSchema>() -> Vec<String> {
    let schema = schema::portable::<T>();
    let properties = schema.get("properties").and_then(Value::as_object);
    properties.into_iter().flat_map(Map::keys).cloned().collect()
}

/// The [`ToolDef`] of a read-only tool.
pub(crate) const fn query<T: Query>() -> ToolDef {
    ToolDef {
        name: T::NAME,
        risk: Risk::Read,
        worst: Risk::Read,
        operations: T::OPERATIONS,
        scopes: T::SCOPES,
        links: T::LINKS,
        body: Body::Query(
            |arguments, tailnet| {
                Box::pin(async move {
                    let output = input::<T>(arguments)?.call(tailnet).await?;
                    written(&output)
                })
            },
            schema::portable::<T>,
        ),
    }
}

/// The [`ToolDef`] of a tool that returns a list.
pub(crate) const fn list<T: List>() -> ToolDef {
    ToolDef {
        name: T::NAME,
        risk: Risk::Read,
        worst: Risk::Read,
        operations: T::OPERATIONS,
        scopes: T::SCOPES,
        links: false,
        body: Body::List(
            |arguments, tailnet, part| {
                Box::pin(async move {
                    let output = input::<T>(arguments)?.list(tailnet, part).await?;
                    written(&output)
                })
            },
            schema::portable::<T>,
            T::PAGE,
        ),
    }
}

/// The [`ToolDef`] of a tool that changes something.
pub(crate) const fn edit<T: Edit>() -> ToolDef {
    ToolDef {
        name: T::NAME,
        risk: T::RISK,
        worst: T::WORST,
        operations: T::OPERATIONS,
        scopes: T::SCOPES,
        links: false,
        body: Body::Edit(
            |arguments, tailnet| {
                Box::pin(async move {
                    let mut plan = input::<T>(arguments)?.plan(tailnet).await?;
                    plan.least = plan.least.max(T::RISK);
                    Ok(plan)
                })
            },
            schema::portable::<T>,
        ),
    }
}

/// The [`ToolDef`] of a tool that reads or changes.
pub(crate) const fn either<T: Either>() -> ToolDef {
    ToolDef {
        name: T::NAME,
        risk: Risk::Read,
        worst: Risk::Danger,
        operations: &[],
        scopes: &[],
        links: false,
        body: Body::Either(
            |arguments, tailnet, part| {
                Box::pin(async move { input::<T>(arguments)?.ask(tailnet, part).await })
            },
            schema::portable::<T>,
        ),
    }
}

/// The [`ToolDef`] of a tool generated from the OpenAPI document.
pub(crate) fn generated(operation: Operation, risk: Risk, body: Generated) -> ToolDef {
    let worst = if operation.reads() { Risk::Read } else { Risk::Danger };
    ToolDef {
        name: operation.tool(),
        risk,
        worst,
        operations: Operation::ALL
            .iter()
            .position(|it| *it == operation)
            .and_then(|at| Operation::ALL.get(at..=at))
            .unwrap_or_default(),
        scopes: &[],
        links: false,
        body: Body::Operation(operation, body),
    }
}

/// The outcome of [`ToolDef::ask`]: a result, or a plan and what to do with it.
pub enum Asked {
    /// The result, as compact JSON.
    Answer(String),
    /// A plan, to be confirmed and applied.
    Plan(Box<Proposal>),
}

/// A plan made by a call, and what the call wants to do with it.
pub struct Proposal {
    /// The planned changes.
    pub plan: Plan,
    /// Whether to show the plan without applying it.
    pub dry_run: bool,
    /// The ID of a plan that was shown and confirmed.
    pub plan_id: Option<String>,
}

impl ToolDef {
    /// Runs the read-only part of a call: returns its result, or its plan.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if `arguments` do not match the schema; otherwise
    /// any error of the tool.
    pub async fn ask(&self, arguments: Value, tailnet: &Tailnet) -> Result<Asked> {
        let mut fields = fields(arguments)?;
        let parameters = self.parameters();
        refuse_unknown(self.name, &parameters.names, &fields)?;
        refuse_missing(&parameters.required_choices, &fields)?;
        refuse_long(&fields)?;
        let (dry_run, plan_id) =
            if self.is_edit() { take_control(&mut fields)? } else { (false, None) };
        // Where the result has no pages of ours, `cursor` and `limit` are the API's own parameters.
        let part = match self.page_size() {
            Some(size) => Part::take(&mut fields, self.name, size)?,
            None => Part::take(&mut Map::new(), self.name, PageSize::USUAL)?,
        };
        let arguments = Value::Object(fields);
        let output = match self.body {
            Body::Query(call, _) => Output::Answer(call(arguments, tailnet).await?),
            Body::List(list, _, _) => Output::Answer(list(arguments, tailnet, part).await?),
            Body::Edit(plan, _) => Output::Plan(Box::new(plan(arguments, tailnet).await?)),
            Body::Either(ask, _) => ask(arguments, tailnet, part).await?,
            Body::Operation(operation, generated) => {
                (generated.ask)(operation, arguments, tailnet, part).await?
            }
        };
        Ok(match output {
            Output::Answer(answer) => Asked::Answer(answer),
            Output::Plan(plan) => Asked::Plan(Box::new(Proposal { plan: *plan, dry_run, plan_id })),
        })
    }

    /// Whether the tool reads only the journal, not the API.
    pub fn is_of_journal(&self) -> bool {
        self.operations.is_empty() && !self.is_edit()
    }

    /// Whether the tool can change something.
    pub fn is_edit(&self) -> bool {
        self.worst > Risk::Read
    }

    /// The page size, if the tool returns a list.
    fn page_size(&self) -> Option<PageSize> {
        match self.body {
            Body::Query(..) | Body::Edit(..) => None,
            Body::List(_, _, size) => Some(size),
            Body::Either(..) => Some(PageSize::USUAL),
            Body::Operation(operation, _) => {
                (operation.reads() && operation.lists()).then_some(PageSize::USUAL)
            }
        }
    }

    fn schema(&self) -> Schema {
        match self.body {
            Body::Query(_, input)
            | Body::List(_, input, _)
            | Body::Edit(_, input)
            | Body::Either(_, input) => input(),
            Body::Operation(operation, generated) => {
                (generated.input)(operation).try_into().unwrap_or_default()
            }
        }
    }

    /// The JSON schema of the arguments, limited to what all hosts accept. Its `description` is the tool's.
    pub fn input(&self) -> Schema {
        let mut schema = self.schema();
        let properties =
            schema.ensure_object().get_mut("properties").and_then(Value::as_object_mut);
        let Some(properties) = properties else { return schema };
        if let Some(size) = self.page_size() {
            size.describe(properties);
        }
        if self.is_edit() {
            properties.insert(
                DRY_RUN.to_owned(),
                json!({ "type": "boolean", "description": "Only preview the change." }),
            );
        }
        if self.worst == Risk::Danger {
            properties.insert(
                PLAN_ID.to_owned(),
                json!({ "type": "string", "description": "ID of the confirmed plan." }),
            );
        }
        schema
    }

    /// The description of the tool, from its schema.
    pub fn description(&self) -> String {
        let input = self.schema();
        input.get("description").and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    /// A title derived from the name: `List devices`, `Get ACL policy`.
    pub fn title(&self) -> String {
        const SPELLED: [(&str, &str); 7] = [
            ("acl", "ACL"),
            ("api", "API"),
            ("aws", "AWS"),
            ("dns", "DNS"),
            ("id", "ID"),
            ("oauth", "OAuth"),
            ("magic", "Magic"),
        ];
        let spelled = |word: &'static str| {
            SPELLED.iter().find(|(lower, _)| *lower == word).map_or(word, |(_, upper)| upper)
        };
        let words: Vec<&str> = self.name.split('_').map(spelled).collect();
        let mut title = words.join(" ").replace("Magic DNS", "MagicDNS");
        if let Some(first) = title.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        title
    }
}
