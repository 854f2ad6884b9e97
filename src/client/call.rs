//! Requests with JSON values instead of generated types, for code that works on any resource.

use bytes::Bytes;
use http::{Method, header};
use serde::de::DeserializeOwned;
use serde_json::Value;

#[cfg(feature = "journal")]
use super::Response;
use super::{Client, Error, ErrorKind, Result, attempt::checkable, path_segment, response};
use crate::Operation;

/// The parts of a request. `{tailnet}` in the path is filled in.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Call<'a> {
    /// Path parameters, by name.
    pub(crate) path: &'a [(&'a str, &'a str)],
    /// Query parameters; a name may be repeated.
    pub(crate) query: &'a [(String, String)],
    /// The body. A string is sent unchanged, as HuJSON.
    pub(crate) body: Option<&'a Value>,
}

impl<'a> Call<'a> {
    /// A call with these path parameters.
    pub(crate) fn on(path: &'a [(&'a str, &'a str)]) -> Self {
        Self { path, ..Self::default() }
    }

    /// Adds a body to the call.
    pub(crate) fn with(self, body: &'a Value) -> Self {
        Self { body: Some(body), ..self }
    }
}

impl Client {
    /// Sends `operation` and returns its answer: null if it is empty. If the answer to a change is
    /// not JSON, it is returned as text.
    pub(crate) async fn call(&self, operation: Operation, call: Call<'_>) -> Result<Value> {
        let request = self.request(operation, call)?;
        read(operation, &self.send(operation, request).await?.body)
    }

    /// Sends `operation` and returns its answer as it is.
    #[cfg(feature = "journal")]
    pub(crate) async fn fetch(
        &self,
        operation: Operation,
        call: Call<'_>,
    ) -> Result<Response<Bytes>> {
        let request = self.request(operation, call)?;
        Ok(self.send(operation, request).await?.bytes())
    }

    fn request(&self, operation: Operation, call: Call<'_>) -> Result<reqwest::Request> {
        let method = Method::from_bytes(operation.method().as_bytes())
            .map_err(|_| Error::invalid_input("operation", "has an invalid HTTP method"))?;
        let url = self.url(operation, call)?;
        let request = self.http()?.request(method, url).header(header::ACCEPT, "application/json");
        let request = match call.body {
            None => request,
            Some(Value::String(text)) => {
                request.header(header::CONTENT_TYPE, "application/hujson").body(text.clone())
            }
            Some(body) => request
                .header(header::CONTENT_TYPE, "application/json")
                .body(Bytes::from(body.to_string())),
        };
        request.build().map_err(Error::unsendable)
    }

    /// Reads the list under `name` record by record, as JSON: it is never in memory as a whole, however long
    /// it is.
    pub(crate) async fn each_record(
        &self,
        operation: Operation,
        call: Call<'_>,
        name: &'static str,
        each: &mut super::records::Each<'_>,
    ) -> Result<()> {
        let request = self.request(operation, call)?;
        let mut records = super::records::Records::new(name, self.settings().max_body);
        let mut sink = |chunk: &[u8]| records.feed(chunk, each);
        self.stream(operation, request, &mut sink).await?;
        records.end().map_err(|error| error.for_operation(operation, None))
    }

    fn url(&self, operation: Operation, call: Call<'_>) -> Result<url::Url> {
        let mut path = String::new();
        for segment in operation.path().split('/').skip(1) {
            path.push('/');
            let Some(name) = segment.strip_prefix('{').and_then(|it| it.strip_suffix('}')) else {
                path.push_str(segment);
                continue;
            };
            let given = call.path.iter().find(|(it, _)| *it == name).map(|(_, value)| *value);
            let given = given.or_else(|| (name == "tailnet").then(|| self.tailnet()));
            let value = given.filter(|it| !it.is_empty());
            let value = value.ok_or_else(|| {
                Error::invalid_input(name, format!("is required for {operation}"))
            })?;
            path.push_str(&path_segment(value));
        }
        let base = format!("{}{path}", self.base_url());
        let mut url = url::Url::parse(&base).map_err(|error| {
            Error::config(format!("the base URL is invalid: {error}"), "correct the base URL")
        })?;
        if !call.query.is_empty() {
            url.query_pairs_mut().extend_pairs(call.query);
        }
        Ok(url)
    }
}

/// Parses a body. A read must be JSON, so that a proxy's error page is not taken for an empty list.
fn read(operation: Operation, body: &[u8]) -> Result<Value> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Value::Null);
    }
    match serde_json::from_slice(body) {
        Ok(value) => Ok(value),
        Err(_) if operation.reads() => Err(odd(operation, "the response is not JSON")),
        Err(_) => Ok(Value::String(String::from_utf8_lossy(body).into_owned())),
    }
}

/// The field `name` of `value`; `None` if it is absent, null or empty.
pub(crate) fn member<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    value.get(name).filter(|it| !is_empty(it))
}

/// Whether a value is null, `""`, `[]` or `{}`.
pub(crate) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

/// The records of a list: the array under `name`, or the answer itself if it is an array.
pub(crate) fn records(answer: Value, name: &str) -> Vec<Value> {
    let list = match answer {
        Value::Object(mut fields) => fields.remove(name).unwrap_or_default(),
        other => other,
    };
    match list {
        Value::Array(records) => records,
        _ => Vec::new(),
    }
}

/// The error for an answer that cannot be read. If it answers a change, the outcome is unknown.
pub(crate) fn odd(operation: Operation, message: &str) -> Error {
    let error = Error::new(ErrorKind::NotJson, message);
    let error =
        if operation.reads() { error } else { checkable(operation, error.with_unknown_effect()) };
    error.for_operation(operation, None)
}

/// Converts the records of a list to a type. A record that is not an object is kept as one, in its field
/// `extra`.
pub(crate) fn typed_list<T: DeserializeOwned>(
    operation: Operation,
    records: Vec<Value>,
) -> Result<Vec<T>> {
    typed(operation, &Value::Array(records))
}

/// Converts an answer to a type; values that do not fit are kept in its field `extra`.
pub(crate) fn typed<T: DeserializeOwned>(operation: Operation, value: &Value) -> Result<T> {
    T::deserialize(value).or_else(|_| response::decode(operation, value.to_string().as_bytes()))
}
