//! Tools and a prompt that need answers first (2026-07-28).

use std::time::Duration;

use rmcp::{
    ErrorData,
    model::{
        CallToolResponse, ClientCapabilities, GetPromptResponse, InputRequests,
        InputRequiredResult, InputResponses,
    },
};
use serde_json::{Value, json};

use crate::{Fixture, content, tools, typed};

pub(crate) const PROMPT: &str = "test_input_required_result_prompt";
const PREFIX: &str = "test_input_required_result_";
const HOUR: Duration = Duration::from_hours(1);

/// A question with one field.
fn form(message: &str, field: &str, kind: &str) -> Value {
    json!({ "method": "elicitation/create", "params": { "message": message, "requestedSchema": {
        "type": "object", "properties": { field: { "type": kind } }, "required": [field] } } })
}

fn sampling(text: &str) -> Value {
    json!({ "method": "sampling/createMessage", "params": { "maxTokens": 100, "messages": [
        { "role": "user", "content": { "type": "text", "text": text } }] } })
}

fn roots() -> Value {
    json!({ "method": "roots/list", "params": {} })
}

/// What the tool asks in this round.
fn questions(kind: &str, round: usize) -> Option<Value> {
    Some(match (kind, round) {
        ("elicitation", 0) => json!({ "user_name": form("What is your name?", "name", "string") }),
        ("sampling", 0) => {
            json!({ "capital_question": sampling("What is the capital of France?") })
        }
        ("list_roots", 0) => json!({ "client_roots": roots() }),
        ("request_state" | "tampered_state", 0) => {
            json!({ "confirm": form("Please confirm", "ok", "boolean") })
        }
        ("multiple_inputs", 0) => json!({
            "user_name": form("What is your name?", "name", "string"),
            "greeting": sampling("Generate a greeting"),
            "client_roots": roots(),
        }),
        ("multi_round", 0) => {
            json!({ "step1": form("Step 1: What is your name?", "name", "string") })
        }
        ("multi_round", 1) => {
            json!({ "step2": form("Step 2: What is your favorite color?", "color", "string") })
        }
        ("capabilities", 0) => json!({
            "name": form("What is your name?", "name", "string"),
            "greeting": sampling("Generate a greeting"),
        }),
        _ => return None,
    })
}

impl Fixture {
    /// The answer of a tool that asks, if `name` is one.
    pub(crate) fn ask(
        &self,
        name: &str,
        answers: Option<&InputResponses>,
        state: Option<&str>,
        capabilities: Option<&ClientCapabilities>,
    ) -> Result<Option<CallToolResponse>, ErrorData> {
        let Some(kind) = name.strip_prefix(PREFIX) else { return Ok(None) };
        let round = self.round(kind, state)?;
        let Some(mut asked) = questions(kind, round) else { return Ok(None) };
        if answered(&asked, answers) {
            let Some(next) = questions(kind, round + 1) else {
                return Ok(Some(tools::answer(&[content::text("state-ok: Hello!")])));
            };
            return Ok(Some(self.require(kind, next, round + 1)));
        }
        if kind == "capabilities" && capabilities.is_none_or(|it| it.elicitation.is_none()) {
            asked.as_object_mut().into_iter().for_each(|it| drop(it.remove("name")));
        }
        Ok(Some(self.require(kind, asked, round)))
    }

    /// How many rounds are over, as the client brings it back.
    fn round(&self, kind: &str, state: Option<&str>) -> Result<usize, ErrorData> {
        let Some(state) = state else { return Ok(0) };
        let opened = self.key.open(state, kind.as_bytes());
        let opened = opened.map_err(|it| ErrorData::invalid_params(it.to_string(), None))?;
        Ok(opened.first().copied().unwrap_or_default().into())
    }

    fn require(&self, kind: &str, asked: Value, round: usize) -> CallToolResponse {
        let round = u8::try_from(round).unwrap_or_default();
        let state = self.key.seal(&[round], kind.as_bytes(), HOUR);
        let requests: InputRequests = typed(asked);
        CallToolResponse::InputRequired(InputRequiredResult::new(Some(requests), Some(state)))
    }
}

pub(crate) fn prompt(answers: Option<&InputResponses>) -> GetPromptResponse {
    let asked = json!({
        "user_context": form("What context should the prompt use?", "context", "string")
    });
    if answered(&asked, answers) {
        return GetPromptResponse::Complete(typed(content::messages(&[content::text("Thanks.")])));
    }
    GetPromptResponse::InputRequired(InputRequiredResult::new(Some(typed(asked)), None))
}

/// Whether there is an answer to all that was asked.
fn answered(asked: &Value, answers: Option<&InputResponses>) -> bool {
    let mut names = asked.as_object().into_iter().flatten().map(|it| it.0);
    answers.is_some_and(|given| names.all(|it| given.get(it).is_some_and(Value::is_object)))
}
