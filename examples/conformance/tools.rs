//! The tools that the suite calls.

use std::time::Duration;

use rmcp::{
    ErrorData, RoleServer,
    model::{
        CallToolRequestParams, CallToolResponse, ClientCapabilities, ElicitRequestParams,
        ProgressNotificationParam, ProtocolVersion, Tool,
    },
    service::RequestContext,
};
use serde_json::{Map, Value, json};

use crate::{
    Changed, Fixture,
    content::{self, embedded, image, text},
    typed,
};

const PAUSE: Duration = Duration::from_millis(50);

/// Tools without arguments that matter.
const PLAIN: &[&str] = &[
    "test_simple_text",
    "test_image_content",
    "test_audio_content",
    "test_embedded_resource",
    "test_multiple_content_types",
    "test_error_handling",
    "test_tool_with_progress",
    "test_tool_with_logging",
    "test_elicitation_sep1034_defaults",
    "test_elicitation_sep1330_enums",
    "test_missing_capability",
    "test_streaming_elicitation",
    "test_logging_tool",
    "test_trigger_tool_change",
    "test_trigger_prompt_change",
    "test_input_required_result_elicitation",
    "test_input_required_result_sampling",
    "test_input_required_result_list_roots",
    "test_input_required_result_request_state",
    "test_input_required_result_multiple_inputs",
    "test_input_required_result_multi_round",
    "test_input_required_result_tampered_state",
    "test_input_required_result_capabilities",
];

pub(crate) fn all() -> Vec<Tool> {
    let tool = |name: &str, schema: Value| -> Tool {
        typed(json!({ "name": name, "description": "For tests.", "inputSchema": schema }))
    };
    let word = |name: &str| json!({ "type": "object", "properties": { name: { "type": "string" } }, "required": [name] });
    let mut tools: Vec<Tool> =
        PLAIN.iter().map(|it| tool(it, json!({ "type": "object", "properties": {} }))).collect();
    tools.push(tool("test_sampling", word("prompt")));
    tools.push(tool("test_elicitation", word("message")));
    tools.push(tool("json_schema_2020_12_tool", elaborate()));
    tools.push(tool(
        "test_custom_header",
        json!({ "type": "object", "properties": {
            "region": { "type": "string", "x-mcp-header": "Region" } } }),
    ));
    tools
}

/// A schema with what the newest dialect has.
fn elaborate() -> Value {
    let needs = |name: &str| json!({ "required": [name] });
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "$defs": { "address": { "$anchor": "addressDef", "type": "object", "properties": {
            "street": { "type": "string" }, "city": { "type": "string" } } } },
        "properties": {
            "name": { "type": "string" },
            "address": { "$ref": "#/$defs/address" },
            "contactMethod": { "type": "string", "enum": ["phone", "email"] },
            "phone": { "type": "string" },
            "email": { "type": "string" },
        },
        "allOf": [{ "anyOf": [needs("phone"), needs("email")] }],
        "if": { "properties": { "contactMethod": { "const": "phone" } },
                "required": ["contactMethod"] },
        "then": needs("phone"),
        "else": needs("email"),
        "additionalProperties": false,
    })
}

pub(crate) fn answer(contents: &[Value]) -> CallToolResponse {
    CallToolResponse::Complete(typed(json!({ "resultType": "complete", "content": contents })))
}

impl Fixture {
    pub(crate) async fn call(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let (answers, state) = (request.input_responses.as_ref(), request.request_state.as_deref());
        let capabilities = context.client_capabilities();
        let asked = self.ask(&request.name, answers, state, capabilities.as_ref())?;
        if let Some(asked) = asked {
            return Ok(asked);
        }
        let arguments = request.arguments.unwrap_or_default();
        Ok(match &*request.name {
            "test_simple_text" => answer(&[text("This is a simple text response for testing.")]),
            "test_image_content" => answer(&[image()]),
            "test_audio_content" => answer(&[
                json!({ "type": "audio", "data": content::AUDIO, "mimeType": "audio/wav" }),
            ]),
            "test_embedded_resource" => answer(&[embedded(
                "test://embedded-resource",
                "text/plain",
                "This is an embedded resource content.",
            )]),
            "test_multiple_content_types" => answer(&[
                text("Multiple content types test:"),
                image(),
                embedded(
                    "test://mixed-content-resource",
                    "application/json",
                    r#"{"test":"data","value":123}"#,
                ),
            ]),
            "test_error_handling" => CallToolResponse::Complete(typed(json!({
                "resultType": "complete",
                "content": [text("This tool intentionally returns an error for testing")],
                "isError": true,
            }))),
            "test_tool_with_progress" => progress(&context).await,
            "test_tool_with_logging" | "test_logging_tool" => log(&context).await,
            "test_trigger_tool_change" => self.tell(Changed::Tools),
            "test_trigger_prompt_change" => self.tell(Changed::Prompts),
            "test_missing_capability" => {
                if capabilities.is_none_or(|it| it.sampling.is_none()) {
                    let needed: ClientCapabilities = typed(json!({ "sampling": {} }));
                    return Err(ErrorData::missing_required_client_capability(needed));
                }
                answer(&[text("It is there.")])
            }
            "test_sampling" => sample(&arguments, &context).await?,
            "test_elicitation" => {
                let message = arguments["message"].as_str().unwrap_or_default();
                let word = |about: &str| json!({ "type": "string", "description": about });
                let fields = json!({
                    "username": word("User's response"),
                    "email": word("User's email address"),
                });
                elicit(message, fields, &["username", "email"], &context).await?
            }
            "test_elicitation_sep1034_defaults" => {
                elicit("Defaults", defaults(), &[], &context).await?
            }
            "test_elicitation_sep1330_enums" => elicit("Enums", enums(), &[], &context).await?,
            "test_streaming_elicitation" | "test_custom_header" | "json_schema_2020_12_tool" => {
                answer(&[text("Done.")])
            }
            _ => return Err(ErrorData::invalid_params("no such tool", None)),
        })
    }

    fn tell(&self, changed: Changed) -> CallToolResponse {
        let _ = self.changes.send(changed);
        answer(&[text("Told.")])
    }
}

async fn progress(context: &RequestContext<RoleServer>) -> CallToolResponse {
    for done in [0.0, 50.0, 100.0] {
        if let Some(token) = context.meta.get_progress_token() {
            let progress = ProgressNotificationParam::new(token, done).with_total(100.0);
            let _ = context.peer.notify_progress(progress).await;
        }
        tokio::time::sleep(PAUSE).await;
    }
    answer(&[text("Done.")])
}

#[expect(deprecated, reason = "the older revision has it")]
async fn log(context: &RequestContext<RoleServer>) -> CallToolResponse {
    use rmcp::model::{LoggingLevel, LoggingMessageNotificationParam};
    let modern = context.protocol_version() >= Some(ProtocolVersion::V_2026_07_28);
    for words in ["Tool execution started", "Tool processing data", "Tool execution completed"] {
        if !modern || context.meta.log_level().is_some() {
            let message = LoggingMessageNotificationParam::new(LoggingLevel::Info, json!(words));
            let _ = context.peer.notify_logging_message(message).await;
        }
        tokio::time::sleep(PAUSE).await;
    }
    answer(&[text("Done.")])
}

#[expect(deprecated, reason = "the older revision has it")]
async fn sample(
    arguments: &Map<String, Value>,
    context: &RequestContext<RoleServer>,
) -> Result<CallToolResponse, ErrorData> {
    let request = typed(json!({ "maxTokens": 100, "messages": [
        { "role": "user", "content": text(arguments["prompt"].as_str().unwrap_or_default()) }] }));
    let said = context.peer.create_message(request).await;
    let said = said.map_err(|it| ErrorData::internal_error(it.to_string(), None))?;
    let said = serde_json::to_value(said).unwrap_or_default();
    Ok(answer(&[text(&format!("LLM response: {}", said["content"]["text"]))]))
}

async fn elicit(
    message: &str,
    fields: Value,
    required: &[&str],
    context: &RequestContext<RoleServer>,
) -> Result<CallToolResponse, ErrorData> {
    let request: ElicitRequestParams = typed(json!({ "mode": "form", "message": message,
        "requestedSchema": { "type": "object", "properties": fields, "required": required } }));
    let said = context.peer.create_elicitation(request).await;
    let said = said.map_err(|it| ErrorData::internal_error(it.to_string(), None))?;
    let said = serde_json::to_value(said).unwrap_or_default();
    let (action, given) = (&said["action"], &said["content"]);
    Ok(answer(&[text(&format!("Elicitation completed: action={action}, content={given}"))]))
}

fn defaults() -> Value {
    json!({
        "name": { "type": "string", "default": "John Doe" },
        "age": { "type": "integer", "default": 30 },
        "score": { "type": "number", "default": 95.5 },
        "status": { "type": "string", "enum": ["active", "inactive", "pending"],
                    "default": "active" },
        "verified": { "type": "boolean", "default": true },
    })
}

fn enums() -> Value {
    let plain = json!({ "type": "string", "enum": ["option1", "option2", "option3"] });
    let titled = |words: [&str; 3]| {
        let one =
            |index: usize| json!({ "const": format!("value{}", index + 1), "title": words[index] });
        json!([one(0), one(1), one(2)])
    };
    json!({
        "untitledSingle": plain,
        "titledSingle": { "type": "string",
            "oneOf": titled(["First Option", "Second Option", "Third Option"]) },
        "legacyEnum": { "type": "string", "enum": ["opt1", "opt2", "opt3"],
            "enumNames": ["Option One", "Option Two", "Option Three"] },
        "untitledMulti": { "type": "array", "items": plain },
        "titledMulti": { "type": "array",
            "items": { "anyOf": titled(["First ToolSelection", "Second ToolSelection", "Third ToolSelection"]) } },
    })
}
