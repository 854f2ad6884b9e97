//! What a tool is. The list of all of them is in [`crate::catalogue`].

use std::pin::Pin;

use schemars::{JsonSchema, Schema};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

pub(crate) use self::arguments::none_or_some;
use self::arguments::{DRY_RUN, PLAN_ID, fields, input, refuse_unknown, take_control};
pub use crate::risk::Risk;
use crate::{
    Error, ErrorKind, Operation, Tailnet, change::Plan, client::Result, visible::visible_json,
};

mod arguments;
mod page;
mod parameters;
mod schema;
mod scopes;

pub(crate) use self::page::{Page, PageSize, Paged, Part, all_but, row};

/// A tool that looks at something. The type itself is the tool's input: its doc comment is the
/// description, the doc comments of its fields describe the parameters.
pub(crate) trait Query: DeserializeOwned + JsonSchema + Send + 'static {
    /// The tool's name.
    const NAME: &'static str;
    /// The operations that a call may use. The OAuth scopes follow from them.
    const OPERATIONS: &'static [Operation];
    /// The scopes it needs, where an operation takes any of several and the tool needs less.
    const SCOPES: &'static [&'static str] = &[];
    /// What a call gives back.
    type Output: Serialize;

    /// Carries the call out.
    fn call(self, tailnet: &Tailnet) -> impl Future<Output = Result<Self::Output>> + Send;
}

/// A tool that lists something, a page at a time. Its parameters `cursor` and `limit` come by
/// themselves.
pub(crate) trait List: DeserializeOwned + JsonSchema + Send + 'static {
    /// The tool's name.
    const NAME: &'static str;
    /// The operations that a call may use. The OAuth scopes follow from them.
    const OPERATIONS: &'static [Operation];
    /// The scopes it needs, where an operation takes any of several and the tool needs less.
    const SCOPES: &'static [&'static str] = &[];
    /// How many rows its pages have.
    const PAGE: PageSize = PageSize::USUAL;
    /// What a call gives back: a [`Page`], or what has one in it.
    type Output: Serialize;

    /// Lists the part that the call asks for.
    fn list(
        self,
        tailnet: &Tailnet,
        part: Part,
    ) -> impl Future<Output = Result<Self::Output>> + Send;
}

/// A tool that changes something. It only makes the plan; the guard confirms it and carries it out. Its
/// parameters `dry_run` and `plan_id` come by themselves.
pub(crate) trait Edit: DeserializeOwned + JsonSchema + Send + 'static {
    /// The tool's name.
    const NAME: &'static str;
    /// The access from which on it is offered. Its plans may be refused as a greater risk.
    const RISK: Risk;
    /// The greatest risk that a plan of it may have. Hints and gates follow from it.
    const WORST: Risk = Self::RISK;
    /// The operations that a call may use. The OAuth scopes follow from them.
    const OPERATIONS: &'static [Operation];
    /// The scopes it needs, where an operation takes any of several and the tool needs less.
    const SCOPES: &'static [&'static str] = &[];

    /// Says what a call would change. Reads only.
    fn plan(self, tailnet: &Tailnet) -> impl Future<Output = Result<Plan>> + Send;
}

/// A tool that reads or changes, as it is asked. What it lists comes in pages.
pub(crate) trait Either: DeserializeOwned + JsonSchema + Send + 'static {
    /// The tool's name.
    const NAME: &'static str;

    /// Answers, or says what would be changed. Reads only.
    fn ask(self, tailnet: &Tailnet, part: Part) -> impl Future<Output = Result<Output>> + Send;
}

/// What a tool comes to by itself.
pub(crate) enum Output {
    /// An answer, as compact JSON.
    Answer(String),
    /// A plan.
    Plan(Box<Plan>),
}

/// The tools of a domain.
pub struct Toolset {
    /// The domain's name.
    pub name: &'static str,
    /// What it is about, in one sentence.
    pub about: &'static str,
    /// What a model has to know before it uses them.
    pub instructions: &'static str,
    /// Whether it is offered unless somebody chooses otherwise.
    pub default: bool,
    /// Its tools, in the order in which they are learnt.
    pub tools: &'static [ToolDef],
}

pub(crate) type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

/// A tool with its type erased, so that all of them fit in one list.
pub struct ToolDef {
    /// Its name.
    pub name: &'static str,
    /// The access from which on it is offered.
    pub risk: Risk,
    /// The greatest risk of a call.
    pub worst: Risk,
    /// The operations that a call may use.
    pub operations: &'static [Operation],
    scopes: &'static [&'static str],
    body: Body,
}

enum Body {
    Query(for<'a> fn(Value, &'a Tailnet) -> Answer<'a, String>, fn() -> Schema),
    List(for<'a> fn(Value, &'a Tailnet, Part) -> Answer<'a, String>, fn() -> Schema, PageSize),
    Edit(for<'a> fn(Value, &'a Tailnet) -> Answer<'a, Plan>, fn() -> Schema),
    Either(for<'a> fn(Value, &'a Tailnet, Part) -> Answer<'a, Output>, fn() -> Schema),
    /// One operation of the API, as its document describes it.
    Operation(Operation, Generated),
}

/// How the tools that are made from the API's document carry out a call, and their schema.
#[derive(Clone, Copy)]
pub(crate) struct Generated {
    /// Answers, or plans.
    pub(crate) ask: for<'a> fn(Operation, Value, &'a Tailnet, Part) -> Answer<'a, Output>,
    /// The schema of the arguments, in words that all hosts accept.
    pub(crate) input: fn(Operation) -> Value,
}

/// The list entry for a tool that looks.
pub(crate) const fn query<T: Query>() -> ToolDef {
    ToolDef {
        name: T::NAME,
        risk: Risk::Read,
        worst: Risk::Read,
        operations: T::OPERATIONS,
        scopes: T::SCOPES,
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

/// The list entry for a tool that lists.
pub(crate) const fn list<T: List>() -> ToolDef {
    ToolDef {
        name: T::NAME,
        risk: Risk::Read,
        worst: Risk::Read,
        operations: T::OPERATIONS,
        scopes: T::SCOPES,
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

/// The list entry for a tool that changes.
pub(crate) const fn edit<T: Edit>() -> ToolDef {
    ToolDef {
        name: T::NAME,
        risk: T::RISK,
        worst: T::WORST,
        operations: T::OPERATIONS,
        scopes: T::SCOPES,
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

/// The list entry for a tool that does either.
pub(crate) const fn either<T: Either>() -> ToolDef {
    ToolDef {
        name: T::NAME,
        risk: Risk::Read,
        worst: Risk::Danger,
        operations: &[],
        scopes: &[],
        body: Body::Either(
            |arguments, tailnet, part| {
                Box::pin(async move { input::<T>(arguments)?.ask(tailnet, part).await })
            },
            schema::portable::<T>,
        ),
    }
}

/// The list entry for a tool that is made from the API's document.
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
        body: Body::Operation(operation, body),
    }
}

/// What one call asks for: an answer, or a plan and what to do with it.
pub enum Asked {
    /// The answer, as compact JSON.
    Answer(String),
    /// What would be changed.
    Plan(Box<Proposal>),
}

/// A plan that a call made, and what the call wants done with it.
pub struct Proposal {
    /// What would be changed.
    pub plan: Plan,
    /// Only show it.
    pub dry_run: bool,
    /// The plan that was shown and confirmed.
    pub plan_id: Option<String>,
}

impl ToolDef {
    /// Carries a call out as far as it only reads.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if `arguments` do not fit the schema;
    /// otherwise whatever the tool's own work gives.
    pub async fn ask(&self, arguments: Value, tailnet: &Tailnet) -> Result<Asked> {
        let mut fields = fields(arguments)?;
        refuse_unknown(self.name, &self.parameters().names, &fields)?;
        let (dry_run, plan_id) =
            if self.is_edit() { take_control(&mut fields)? } else { (false, None) };
        let part = Part::take(&mut fields, self.name, self.page_size().unwrap_or_default())?;
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

    /// Whether it only reads the journal.
    pub fn is_of_journal(&self) -> bool {
        self.operations.is_empty() && !self.is_edit()
    }

    /// Whether it can change something.
    pub fn is_edit(&self) -> bool {
        self.worst > Risk::Read
    }

    /// The size of its pages, if it lists something.
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

    /// The schema of the arguments, in words that all hosts accept. Its `description` is the tool's.
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

    /// What the tool does, from its schema.
    pub fn description(&self) -> String {
        let input = self.schema();
        input.get("description").and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    /// The name in plain words: `List devices`, `Get ACL policy`.
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

/// As long as an answer gets: about 20,000 tokens. Lists end long before; what still comes here
/// would fill the model's memory.
pub(crate) const MAX_ANSWER_BYTES: usize = 72_000;

/// Gives `answer` back if a model can hold it; `instead` says what to ask for if not.
pub(crate) fn short(answer: String, instead: &str) -> Result<String> {
    if answer.len() <= MAX_ANSWER_BYTES {
        return Ok(answer);
    }
    let message =
        format!("the answer has {} kB, more than {MAX_ANSWER_BYTES} bytes", answer.len() / 1000);
    Err(Error::new(ErrorKind::TooLarge, message).with_remedy(instead))
}

/// What a tool gives back, as compact JSON without hidden characters.
pub(crate) fn written(output: &impl Serialize) -> Result<String> {
    serde_json::to_string(output)
        .map(|json| visible_json(&json).into_owned())
        .map_err(|error| Error::invalid_input("result", format!("cannot be written: {error}")))
}
