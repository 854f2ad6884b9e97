//! The request that a handler gets, and the response that it returns.

use std::fmt::{self, Write as _};
use std::marker::PhantomData;

use axum::body::Bytes;
use axum::http::HeaderMap;
use jiff::Timestamp;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};

use super::Options;
use super::auth::Principal;
use super::organizations::Membership;
use super::state::State;

/// The result of an operation.
pub(crate) type Outcome = Result<Reply, Failure>;

/// An authenticated request, with the state that it may change.
pub(crate) struct Call<'a> {
    pub(crate) state: &'a mut State,
    /// The other tailnets of this sandbox, for operations between tailnets.
    pub(crate) abroad: [&'a mut [State]; 2],
    pub(crate) options: &'a Options,
    /// Set by operations that add or remove a tailnet.
    pub(crate) membership: Membership,
    pub(crate) principal: Principal,
    pub(crate) now: Timestamp,
    /// The path parameters, by their names in the API documentation.
    pub(crate) params: Vec<(&'static str, String)>,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: Bytes,
}

impl Call<'_> {
    /// The value of a path parameter, empty if absent. It is owned, so that the state can be borrowed.
    pub(crate) fn param(&self, name: &str) -> String {
        let found = self.params.iter().find(|(key, _)| *key == name);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    }

    /// The first value of a query parameter.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A boolean query parameter; false if absent.
    pub(crate) fn switch(&self, name: &str) -> Result<bool, Failure> {
        match self.query(name).unwrap_or_default() {
            "" | "false" | "0" => Ok(false),
            "true" | "1" => Ok(true),
            other => Err(Failure::bad_request(format!("invalid value for {name}: {other:?}"))),
        }
    }

    /// All values of a repeated query parameter.
    pub(crate) fn query_all(&self, name: &str) -> Vec<&str> {
        let matching = self.query.iter().filter(|(key, _)| key == name);
        matching.map(|(_, value)| value.as_str()).collect()
    }

    /// A request header as text; empty if absent.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Fails with 403 if the tailnet is on the free plan.
    pub(crate) fn refuse_on_free_plan(&self) -> Result<(), Failure> {
        if self.state.free_plan {
            return Err(Failure::new(403, "feature not available on current billing plan"));
        }
        Ok(())
    }

    /// Parses the JSON body, which must be an object.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        self.json_of().map(|Object(body)| body)
    }

    /// Parses the JSON body, which must be a list of objects.
    pub(crate) fn json_list<T: DeserializeOwned>(&self) -> Result<Vec<T>, Failure> {
        let list: Vec<Object<T>> = self.json_of()?;
        Ok(list.into_iter().map(|Object(item)| item).collect())
    }

    fn json_of<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        if self.body.is_empty() {
            return Err(Failure::bad_request("unexpected end of JSON input"));
        }
        serde_json::from_slice(&self.body)
            .map_err(|error| Failure::bad_request(format!("invalid request body: {error}")))
    }
}

/// A value that must be a JSON object. Serde alone would also accept an array of the field values.
#[derive(Debug, Default)]
pub(crate) struct Object<T>(pub(crate) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
            type Value = T;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map))
            }
        }
        deserializer.deserialize_map(Fields(PhantomData)).map(Object)
    }
}

/// A successful answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    /// 200 without a body, the response to many writes.
    pub(crate) fn empty() -> Self {
        Self { status: 200, content_type: "", headers: Vec::new(), body: Vec::new() }
    }

    /// 200 with an empty JSON object, the response to some writes.
    pub(crate) fn empty_object() -> Outcome {
        Self::json(&json!({}))
    }

    /// 200 with a JSON body.
    pub(crate) fn json<T: Serialize + ?Sized>(value: &T) -> Outcome {
        let body = serde_json::to_vec(value)
            .map_err(|error| Failure::new(500, format!("cannot encode the answer: {error}")))?;
        Ok(Self { status: 200, content_type: "application/json", headers: Vec::new(), body })
    }

    /// 200 with a body of another type.
    pub(crate) fn text(content_type: &'static str, body: &str) -> Self {
        let body = body.as_bytes().to_vec();
        Self { status: 200, content_type, headers: Vec::new(), body }
    }

    pub(crate) fn with_header(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }
}

/// An error response: a status and `{"message": …}`, with `data` if a policy file was rejected.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) status: u16,
    pub(crate) message: String,
    pub(crate) data: Option<Value>,
    pub(crate) headers: Vec<(&'static str, String)>,
}

impl Failure {
    pub(crate) fn new(status: u16, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), data: None, headers: Vec::new() }
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, message)
    }

    pub(crate) fn unauthorized() -> Self {
        Self::new(401, "API token invalid")
    }

    pub(crate) fn forbidden() -> Self {
        Self::new(403, "calling actor does not have enough permissions to perform this function")
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(404, message)
    }
}

impl From<Failure> for Reply {
    fn from(failure: Failure) -> Self {
        let mut body = json!({ "message": failure.message });
        if let (Some(data), Some(fields)) = (failure.data, body.as_object_mut()) {
            fields.insert("data".to_owned(), data);
        }
        let body = body.to_string().into_bytes();
        let Failure { status, headers, .. } = failure;
        Self { status, content_type: "application/json", headers, body }
    }
}

/// Whether a text looks like an email address.
pub(crate) fn is_email(text: &str) -> bool {
    let odd = |letter: char| letter.is_whitespace() || letter.is_control() || letter == '@';
    text.split_once('@').is_some_and(|(name, host)| {
        !name.is_empty() && !host.is_empty() && !name.contains(odd) && !host.contains(odd)
    })
}

/// A list as the API's messages print it: `[a b c]`.
pub(crate) fn bracketed(items: &[String]) -> String {
    let mut text = String::from("[");
    for (at, item) in items.iter().enumerate() {
        let separator = if at == 0 { "" } else { " " };
        // Writing to a string cannot fail.
        let _ = write!(text, "{separator}{item}");
    }
    text.push(']');
    text
}
