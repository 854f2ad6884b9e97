//! Parts of records that are kept as the API wrote them.

use std::{fmt, marker::PhantomData};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned, ser};
use serde_json::value::RawValue;

use super::lenient;

/// A part of a record that is kept as the API wrote it, and decoded when it is asked for. A list of
/// devices is decoded sooner so, and takes less memory.
///
/// It is written as it was read, with all its fields, whether they are known or not.
///
/// ```
/// use tailsteward::tailnet::devices::Device;
///
/// let text = r#"{"distro":{"name":"Debian","color":"red"}}"#;
/// let device: Device = serde_json::from_str(text).unwrap();
///
/// let distro = device.distro.as_ref().and_then(|it| it.read()).unwrap();
/// assert_eq!(distro.name.as_deref(), Some("Debian"));
/// assert_eq!(serde_json::to_string(&device).unwrap(), text);
/// ```
pub struct Unread<T> {
    /// JSON on one line.
    text: Box<str>,
    part: PhantomData<fn() -> T>,
}

impl<T> Unread<T> {
    /// Its JSON.
    pub fn as_json(&self) -> &str {
        &self.text
    }

    fn kept(text: Box<str>) -> Self {
        // Line breaks, which JSON has between values only, would end a message over stdio.
        let lines = text.bytes().any(|it| matches!(it, b'\n' | b'\r'));
        Self { text: if lines { on_one_line(&text) } else { text }, part: PhantomData }
    }
}

impl<T: DeserializeOwned> Unread<T> {
    /// Decodes it. `None` if it is no value of this type at all: a text instead of an object, say. A
    /// field in it that does not fit is moved to [`UNREADABLE`](super::UNREADABLE), as in other records.
    pub fn read(&self) -> Option<T> {
        let read = serde_json::from_str(&self.text).ok();
        read.or_else(|| lenient::decode(self.text.as_bytes()).ok())
    }
}

impl<T: Serialize> Unread<T> {
    /// The JSON of `part`.
    ///
    /// # Errors
    ///
    /// If `part` cannot be written as JSON.
    pub fn new(part: &T) -> serde_json::Result<Self> {
        Ok(Self::kept(serde_json::to_string(part)?.into()))
    }
}

/// Without the white space between its values.
fn on_one_line(json: &str) -> Box<str> {
    let mut short = String::with_capacity(json.len());
    let (mut quoted, mut escaped) = (false, false);
    for it in json.chars() {
        if quoted || !it.is_ascii_whitespace() {
            short.push(it);
        }
        quoted ^= it == '"' && !escaped;
        escaped = it == '\\' && !escaped;
    }
    short.into()
}

impl<'de, T> Deserialize<'de> for Unread<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::<RawValue>::deserialize(deserializer).map(|raw| Self::kept(raw.into()))
    }
}

impl<T> Serialize for Unread<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = serde_json::from_str(&self.text).map_err(ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

impl<T> Clone for Unread<T> {
    fn clone(&self) -> Self {
        Self { text: self.text.clone(), part: PhantomData }
    }
}

impl<T> PartialEq for Unread<T> {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl<T> fmt::Debug for Unread<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
