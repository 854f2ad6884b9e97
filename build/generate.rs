//! Runs the generator.

use std::panic::{AssertUnwindSafe, catch_unwind};

use progenitor::{GenerationSettings, Generator, HooksMode, InterfaceStyle, TypeImpl};
use schemars08::schema::{InstanceType, SchemaObject};
use serde_json::{Value, json};

use super::{components, each_operation, facts::Facts};

/// The source of the client for a prepared `document`.
///
/// What the generator cannot take, an operation or a schema, is reduced until it can (to raw bodies
/// and to any value) and noted by name: one odd construct must not cost the other ninety.
pub(crate) fn source(
    document: &mut Value,
    operations: &[Facts],
    notes: &mut Vec<String>,
) -> Result<String, String> {
    let tokens = tokens(document).or_else(|first| {
        reduce_schemas(document, notes);
        reduce_operations(document, notes);
        tokens(document).map_err(|second| format!("{first}\nand, reduced: {second}"))
    })?;
    let mut file: syn::File = syn::parse2(tokens).map_err(|error| error.to_string())?;
    super::tokens::open(&mut file);
    super::unread::keep(&mut file, &super::unread::find(document));
    super::sends::redirect(&mut file)?;
    super::examples::document(&mut file, operations);
    Ok(prettyplease::unparse(&file))
}

fn tokens(document: &Value) -> Result<proc_macro2::TokenStream, String> {
    let text = document.to_string();
    let reader = &mut serde_json::Deserializer::from_str(&text);
    let spec: openapiv3::OpenAPI = serde_path_to_error::deserialize(reader)
        .map_err(|error| format!("at {}: {}", error.path(), error.inner()))?;
    let run = || Generator::new(&settings()).generate_tokens(&spec);
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(tokens)) => Ok(tokens),
        Ok(Err(error)) => Err(error.to_string()),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            Err(text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("it panicked").to_owned())
        }
    }
}

fn settings() -> GenerationSettings {
    let mut settings = GenerationSettings::new();
    settings
        // A later edition's new optional parameter breaks no call.
        .with_interface(InterfaceStyle::Builder)
        // Without our hook there is no client, rather than one without credentials.
        .with_hooks(HooksMode::Expected)
        .with_inner_type(quote::quote!(crate::client::Client))
        .with_map_type("::std::collections::BTreeMap");
    for (format, ours) in
        [("date-time", "crate::wire::Timestamp"), ("password", "crate::wire::Secret")]
    {
        let schema = SchemaObject {
            instance_type: Some(InstanceType::String.into()),
            format: Some(format.to_owned()),
            ..SchemaObject::default()
        };
        let traits = [TypeImpl::Display, TypeImpl::FromStr, TypeImpl::Default];
        settings.with_conversion(schema, ours, traits.into_iter());
    }
    settings.with_replacement(
        "DeviceFilters",
        "crate::wire::Filters",
        [TypeImpl::Default].into_iter(),
    );
    settings
}

/// Replaces every named schema that the generator refuses by any value.
fn reduce_schemas(document: &mut Value, notes: &mut Vec<String>) {
    for (name, schema) in components(document) {
        let mut others = components(document);
        others.iter_mut().filter(|(it, _)| **it != name).for_each(|(_, it)| *it = json!({}));
        let alone = json!({
            "openapi": "3.0.3", "info": document["info"], "paths": {},
            "components": { "schemas": others }
        });
        if let (Err(why), true) = (tokens(&alone), schema != json!({})) {
            document["components"]["schemas"][&name] = json!({});
            notes.push(format!("the schema `{name}` becomes any value: {why}"));
        }
    }
}

/// Replaces the bodies of every operation that the generator refuses by raw ones.
fn reduce_operations(document: &mut Value, notes: &mut Vec<String>) {
    let mut refused = Vec::new();
    let mut original = document.clone();
    each_operation(&mut original, &mut |path, method, operation| {
        let mut alone = document.clone();
        alone["paths"] = json!({ path: { method: operation } });
        if let Err(why) = tokens(&alone) {
            refused.push((path.to_owned(), method.to_owned(), why));
        }
    });
    for (path, method, why) in refused {
        let operation = &mut document["paths"][&path][&method];
        notes.push(format!("{} gets raw bodies: {why}", operation["operationId"]));
        operation["responses"] = json!({ "2XX": {
            "description": "", "content": { "application/octet-stream": { "schema": { "type": "string", "format": "binary" } } }
        }});
        if operation.get("requestBody").is_some() {
            operation["requestBody"]["content"] =
                json!({ "text/plain": { "schema": { "type": "string" } } });
        }
        for parameter in operation["parameters"].as_array_mut().into_iter().flatten() {
            parameter["schema"] = json!({ "type": "string" });
        }
    }
}
