//! The list, get and delete tools of all resource kinds.

use std::{borrow::Cow, fmt, marker::PhantomData};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{IgnoredAny, MapAccess, Visitor},
};
use serde_json::{Map, Value};

use super::{Listed, Resource, Resources};
use crate::{
    Operation, Tailnet,
    change::{Plan, Risk},
    client::Result,
    tool::{Edit, List, Page, Part, Query, all_but, row},
};

/// The name of a tool, and its description.
pub(crate) type Words = (&'static str, &'static str);

/// Names and descriptions of the tools for one kind of resource.
pub(crate) trait Tools: Resource + Serialize {
    /// Description of the parameter that names a resource, such as "ID or URL of the webhook."
    const TAKES: &'static str;
    /// The tool that shows a resource.
    const GET: Words;
    /// The tool that deletes a resource.
    const DELETE: Words;
    /// Fields that are never shown.
    const HIDDEN: &'static [&'static str] = Self::SPEC.once;
    /// Scopes for reading, if Tailscale's OpenAPI document names none.
    const READ_SCOPES: &'static [&'static str] = &[];
    /// Scopes for deleting, if Tailscale's OpenAPI document names none.
    const DELETE_SCOPES: &'static [&'static str] = &[];
}

/// Name and columns of the tool that lists one kind of resource.
pub(crate) trait ListTool: Tools + Listed {
    /// The tool that lists the resources.
    const LIST: Words;
    /// The field of the result that holds the list.
    const ROWS: &'static str;
    /// The fields to show of each resource.
    const FIELDS: &'static [&'static str];
}

/// The tool that lists the resources of a kind.
pub(crate) struct ListOf<R>(PhantomData<fn() -> R>);

/// The tool that shows one resource.
pub(crate) struct GetOne<R>(One<R>);

/// The tool that deletes one resource.
pub(crate) struct DeleteOne<R>(One<R>);

/// The only parameter of a tool for one resource: its ID or name.
struct One<R> {
    wanted: String,
    kind: PhantomData<fn() -> R>,
}

const fn first(spec: &super::ResourceSpec) -> Operation {
    match spec.listed {
        Some((operation, _)) => operation,
        None => spec.read,
    }
}

const fn last(spec: &super::ResourceSpec) -> Operation {
    match spec.remove {
        Some(operation) => operation,
        None => spec.read,
    }
}

impl<R: ListTool> List for ListOf<R> {
    const NAME: &'static str = R::LIST.0;
    const OPERATIONS: &'static [Operation] = &[first(R::SPEC)];
    const SCOPES: &'static [&'static str] = R::READ_SCOPES;
    type Output = Page;

    async fn list(self, tailnet: &Tailnet, part: Part) -> Result<Page> {
        let all = Resources::<R>::new(tailnet).list().await?;
        let rows: Vec<_> = all.iter().map(|record| row(record, R::FIELDS)).collect();
        Page::of(R::ROWS, &rows, &part)
    }
}

impl<R: Tools> Query for GetOne<R> {
    const NAME: &'static str = R::GET.0;
    const OPERATIONS: &'static [Operation] = match R::SPEC.listed {
        Some(_) => &[first(R::SPEC), R::SPEC.read],
        None => &[R::SPEC.read],
    };
    const SCOPES: &'static [&'static str] = R::READ_SCOPES;
    type Output = Map<String, Value>;

    async fn call(self, tailnet: &Tailnet) -> Result<Self::Output> {
        let found = Resources::<R>::new(tailnet).get(&self.0.wanted).await?;
        Ok(all_but(&found, R::HIDDEN))
    }
}

impl<R: Tools> Edit for DeleteOne<R> {
    const NAME: &'static str = R::DELETE.0;
    const RISK: Risk = Risk::Danger;
    const OPERATIONS: &'static [Operation] = match R::SPEC.listed {
        Some(_) => &[first(R::SPEC), R::SPEC.read, last(R::SPEC)],
        None => &[R::SPEC.read, last(R::SPEC)],
    };
    const SCOPES: &'static [&'static str] = R::DELETE_SCOPES;

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        Resources::<R>::new(tailnet).plan_delete(&self.0.wanted).await
    }
}

impl<'de, R> Deserialize<'de> for ListOf<R> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        IgnoredAny::deserialize(from)?;
        Ok(Self(PhantomData))
    }
}

impl<R: ListTool> JsonSchema for ListOf<R> {
    fn schema_name() -> Cow<'static, str> {
        R::LIST.0.into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object", "description": R::LIST.1 })
    }
}

impl<'de, R: Resource> Deserialize<'de> for One<R> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        from.deserialize_map(Parameter(PhantomData))
    }
}

/// Deserializes the parameter under the name that the kind gives it.
struct Parameter<R>(PhantomData<fn() -> R>);

impl<'de, R: Resource> Visitor<'de> for Parameter<R> {
    type Value = One<R>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object with `{}`", R::SPEC.parameter)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> std::result::Result<One<R>, A::Error> {
        let mut wanted = None;
        while let Some(name) = fields.next_key::<String>()? {
            if name == R::SPEC.parameter {
                wanted = Some(fields.next_value()?);
            } else {
                fields.next_value::<IgnoredAny>()?;
            }
        }
        let missing = || serde::de::Error::missing_field(R::SPEC.parameter);
        Ok(One { wanted: wanted.ok_or_else(missing)?, kind: PhantomData })
    }
}

fn schema_of_one<R: Tools>(about: &str) -> Schema {
    let parameter = R::SPEC.parameter;
    json_schema!({
        "type": "object",
        "description": about,
        "properties": { parameter: { "type": "string", "description": R::TAKES } },
        "required": [parameter],
    })
}

impl<'de, R: Tools> Deserialize<'de> for GetOne<R> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        One::deserialize(from).map(Self)
    }
}

impl<R: Tools> JsonSchema for GetOne<R> {
    fn schema_name() -> Cow<'static, str> {
        R::GET.0.into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schema_of_one::<R>(R::GET.1)
    }
}

impl<'de, R: Tools> Deserialize<'de> for DeleteOne<R> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        One::deserialize(from).map(Self)
    }
}

impl<R: Tools> JsonSchema for DeleteOne<R> {
    fn schema_name() -> Cow<'static, str> {
        R::DELETE.0.into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schema_of_one::<R>(R::DELETE.1)
    }
}
