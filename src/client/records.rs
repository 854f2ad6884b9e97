//! Splits an answer with one long list into its records while it arrives, so that it is never in memory as a
//! whole.

use super::{Error, ErrorKind, Result};

/// What is done with each record, as JSON.
pub(crate) type Each<'a> = dyn FnMut(&[u8]) -> Result<()> + Send + 'a;

/// What the next byte is part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Within {
    /// Values, and what is between them.
    Values,
    Text,
    /// A text, after a backslash.
    Escape,
}

/// The splitter for the list under one name of an object, or for an answer that is a list itself.
#[derive(Debug)]
pub(super) struct Records {
    name: &'static str,
    /// The longest record.
    limit: usize,
    /// How many objects and lists are open.
    depth: usize,
    /// At which depth the records are; 0 outside of the list.
    list: usize,
    within: Within,
    /// A text at the top of the object: a name, or a value.
    text: Vec<u8>,
    /// Whether the text is the name of the value that follows.
    is_named: bool,
    /// The part of a record that arrived so far.
    record: Vec<u8>,
    is_record: bool,
}

impl Records {
    pub(super) fn new(name: &'static str, limit: usize) -> Self {
        Self {
            name,
            limit,
            depth: 0,
            list: 0,
            within: Within::Values,
            text: Vec::new(),
            is_named: false,
            record: Vec::new(),
            is_record: false,
        }
    }

    /// Takes the next part of the answer, and hands out each record that it completes.
    pub(super) fn feed(&mut self, chunk: &[u8], each: &mut Each<'_>) -> Result<()> {
        let mut start = 0;
        for (at, byte) in chunk.iter().copied().enumerate() {
            let is_between =
                self.list > 0 && self.depth == self.list && self.within == Within::Values;
            let is_separator = matches!(byte, b',' | b']') || byte.is_ascii_whitespace();
            match (is_between, self.is_record, is_separator) {
                // The end of a number, `true`, `false` or `null`.
                (true, true, true) => self.take(chunk.get(start..at), each)?,
                (true, false, false) => (self.is_record, start) = (true, at),
                _ => {}
            }
            if self.step(byte)? {
                self.take(chunk.get(start..=at), each)?;
            }
        }
        if self.is_record {
            let part = chunk.get(start..).unwrap_or_default();
            self.add(part)?;
        }
        Ok(())
    }

    /// Whether the byte completes a record that is a text, an object or a list.
    fn step(&mut self, byte: u8) -> Result<bool> {
        if self.within != Within::Values {
            return Ok(self.step_in_text(byte));
        }
        match byte {
            b'"' => {
                self.within = Within::Text;
                self.text.clear();
            }
            b'{' | b'[' => {
                let is_list = byte == b'[' && self.list == 0;
                let is_wanted = self.depth == 0 || (self.depth == 1 && self.is_named);
                self.depth += 1;
                if is_list && is_wanted {
                    self.list = self.depth;
                }
                self.is_named = false;
            }
            b'}' | b']' => {
                if self.list > 0 && self.depth == self.list {
                    self.list = 0;
                }
                self.depth = self.depth.checked_sub(1).ok_or_else(not_json)?;
                return Ok(self.is_record && self.depth == self.list);
            }
            b':' if self.depth == 1 => self.is_named = self.text == self.name.as_bytes(),
            b',' if self.depth == 1 => self.is_named = false,
            // `null` stands for an empty answer.
            _ if self.depth == 0 && !byte.is_ascii_whitespace() && !b"null".contains(&byte) => {
                return Err(not_json());
            }
            _ => {}
        }
        Ok(false)
    }

    fn step_in_text(&mut self, byte: u8) -> bool {
        match byte {
            _ if self.within == Within::Escape => self.within = Within::Text,
            b'\\' => self.within = Within::Escape,
            b'"' => {
                self.within = Within::Values;
                return self.is_record && self.depth == self.list;
            }
            _ => {}
        }
        if self.depth == 1 && self.list == 0 && self.text.len() <= self.name.len() {
            self.text.push(byte);
        }
        false
    }

    /// Hands out the record that ends with `part`.
    fn take(&mut self, part: Option<&[u8]>, each: &mut Each<'_>) -> Result<()> {
        let part = part.unwrap_or_default();
        self.is_record = false;
        if self.record.is_empty() {
            return each(part);
        }
        self.add(part)?;
        let mut record = std::mem::take(&mut self.record);
        each(&record)?;
        // The next record needs no new memory.
        record.clear();
        self.record = record;
        Ok(())
    }

    fn add(&mut self, part: &[u8]) -> Result<()> {
        if self.record.len() + part.len() > self.limit {
            let why = format!("a record of the response is larger than {} bytes", self.limit);
            return Err(Error::new(ErrorKind::TooLarge, why));
        }
        self.record.extend_from_slice(part);
        Ok(())
    }

    /// Checks that the answer was complete.
    pub(super) fn end(&self) -> Result<()> {
        if self.depth > 0 || self.within != Within::Values {
            return Err(Error::new(ErrorKind::Truncated, "the response ended early"));
        }
        Ok(())
    }
}

fn not_json() -> Error {
    Error::new(ErrorKind::NotJson, "the response is not JSON")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    /// The records of a body that arrives in parts of these lengths, over and over.
    fn split(body: &str, lengths: &[usize]) -> Result<Vec<Value>> {
        let mut records = Records::new("devices", 10_000);
        let mut found = Vec::new();
        let mut each = |record: &[u8]| {
            found.push(serde_json::from_slice(record).unwrap());
            Ok(())
        };
        let (mut rest, mut lengths) = (body.as_bytes(), lengths.iter().cycle());
        while !rest.is_empty() {
            let length = (*lengths.next().unwrap()).min(rest.len());
            let (part, after) = rest.split_at(length);
            records.feed(part, &mut each)?;
            rest = after;
        }
        records.end()?;
        Ok(found)
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "[ -~é]{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("devices|[a-z\"\\\\]{0,4}", inner, 0..4)
                    .prop_map(|it| Value::Object(it.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn the_records_are_those_of_the_list_however_it_arrives(
            records in prop::collection::vec(any_json(), 0..5),
            before in any_json(),
            after in any_json(),
            lengths in prop::collection::vec(1_usize..30, 1..6),
            is_pretty in any::<bool>(),
        ) {
            let body = json!({ "a": before, "devices": records, "z": after });
            let body = if is_pretty {
                serde_json::to_string_pretty(&body).unwrap()
            } else {
                body.to_string()
            };
            prop_assert_eq!(split(&body, &lengths).unwrap(), records.clone());
            prop_assert_eq!(split(&json!(records).to_string(), &lengths).unwrap(), records);
        }

        #[test]
        fn any_bytes_are_split_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let mut records = Records::new("devices", 100);
            let _ = records.feed(&bytes, &mut |_| Ok(())).and_then(|()| records.end());
        }
    }

    #[test]
    fn what_is_incomplete_too_long_or_no_json_is_an_error() {
        let kind = |body: &str| split(body, &[7]).unwrap_err().kind();

        assert_eq!(kind(r#"{"devices":[{"a":1},"#), ErrorKind::Truncated);
        assert_eq!(kind("<html>"), ErrorKind::NotJson);
        assert_eq!(kind(&json!([["x".repeat(20_000)]]).to_string()), ErrorKind::TooLarge);
        assert!(split("null", &[1]).unwrap().is_empty());
        assert!(split(r#"{"devices":null}"#, &[1]).unwrap().is_empty());
        assert!(split(r#"{"x":{"devices":[1]},"y":"devices"}"#, &[3]).unwrap().is_empty());
    }
}
