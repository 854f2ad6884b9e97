//! Documents the calls of the generated client: what each needs, and an example that compiles in the
//! place of the generator's, which nothing checks.

use std::collections::BTreeMap;

use quote::ToTokens;
use syn::{
    Attribute, Expr, ExprStruct, File, ImplItem, ImplItemFn, Item, ItemImpl, Lit, Meta, Type,
    TypeParamBound, WherePredicate, parse_quote, visit::Visit,
};

use super::facts::Facts;

/// A parameter that a call cannot do without.
struct Required {
    name: String,
    /// As in the source: `types::LogType`.
    kind: String,
}

/// Writes scopes and an example into the documentation of every call in `file`.
pub(crate) fn document(file: &mut File, operations: &[Facts]) {
    let required = required(file);
    for item in &mut file.items {
        let Item::Impl(client) = item else { continue };
        if client.trait_.is_some() || written(&client.self_ty) != "Client" {
            continue;
        }
        for member in &mut client.items {
            let ImplItem::Fn(call) = member else { continue };
            let name = call.sig.ident.to_string();
            if let Some(facts) = operations.iter().find(|facts| facts.snake == name) {
                let parameters = required.get(&facts.variant()).map_or(&[][..], Vec::as_slice);
                rewrite(call, facts, parameters);
            }
        }
    }
}

fn rewrite(call: &mut ImplItemFn, facts: &Facts, required: &[Required]) {
    let documented: String = call.attrs.iter().filter_map(doc).collect::<Vec<_>>().join("\n");
    let generated = documented.find("```ignore").unwrap_or(documented.len());
    let (kept, _) = documented.split_at(generated);
    let text = format!("{}\n\n{}\n\n{}", kept.trim_end(), scopes(facts), example(facts, required));
    call.attrs.retain(|attribute| doc(attribute).is_none());
    call.attrs.push(parse_quote!(#[doc = #text]));
}

fn doc(attribute: &Attribute) -> Option<String> {
    let Meta::NameValue(pair) = &attribute.meta else { return None };
    let Expr::Lit(literal) = &pair.value else { return None };
    match &literal.lit {
        Lit::Str(text) if pair.path.is_ident("doc") => Some(text.value()),
        _ => None,
    }
}

fn scopes(facts: &Facts) -> String {
    if facts.scopes.is_empty() {
        return "OAuth scopes: the document names none.".to_owned();
    }
    let scopes: Vec<String> = facts.scopes.iter().map(|scope| format!("`{scope}`")).collect();
    format!("OAuth scopes: {}.", scopes.join(", "))
}

/// Texts are written out; what has another type is an argument of the example.
fn example(facts: &Facts, required: &[Required]) -> String {
    let mut arguments = String::from("tailnet: &tailsteward::Tailnet");
    let mut calls = String::new();
    for Required { name, kind } in required {
        let value = if kind.ends_with("string :: String") {
            format!("{:?}", name.to_uppercase())
        } else {
            let kind = kind.replace("types ::", "tailsteward::api::types::").replace(' ', "");
            arguments.extend([", ", name, ": ", &kind]);
            name.clone()
        };
        calls.extend(["\n    .", name, "(", &value, ")"]);
    }
    format!(
        "```no_run\n\
         # async fn example({arguments}) -> tailsteward::Result<()> {{\n\
         let response = tailnet\n    .api()?\n    .{}(){calls}\n    .send()\n    .await?;\n\
         # Ok(()) }}\n```",
        facts.snake
    )
}

/// The required parameters of every builder, by its name.
fn required(file: &File) -> BTreeMap<String, Vec<Required>> {
    let builders = file.items.iter().filter_map(|item| match item {
        Item::Mod(module) if module.ident == "builder" => module.content.as_ref(),
        _ => None,
    });
    let mut all = BTreeMap::new();
    for item in builders.flat_map(|(_, items)| items) {
        let Item::Impl(builder) = item else { continue };
        let Type::Path(path) = &*builder.self_ty else { continue };
        let Some(name) = path.path.segments.last() else { continue };
        all.insert(name.ident.to_string(), required_by(builder));
    }
    all
}

fn required_by(builder: &ItemImpl) -> Vec<Required> {
    let functions = || {
        builder.items.iter().filter_map(|item| match item {
            ImplItem::Fn(function) => Some(function),
            _ => None,
        })
    };
    let mut initial = Initial::default();
    functions().filter(|function| function.sig.ident == "new").for_each(|function| {
        initial.visit_block(&function.block);
    });
    let setters =
        functions().filter(|function| initial.0.contains(&function.sig.ident.to_string()));
    setters
        .filter_map(|setter| {
            Some(Required { name: setter.sig.ident.to_string(), kind: converted(setter)? })
        })
        .collect()
}

/// The fields that `new` leaves without a value.
#[derive(Default)]
struct Initial(Vec<String>);

impl<'ast> Visit<'ast> for Initial {
    fn visit_expr_struct(&mut self, value: &'ast ExprStruct) {
        for field in &value.fields {
            let Expr::Call(call) = &field.expr else { continue };
            if let (syn::Member::Named(name), "Err") = (&field.member, &*written(&call.func)) {
                self.0.push(name.to_string());
            }
        }
    }
}

/// The type `T` of a setter's `where V: TryInto<T>`.
fn converted(setter: &ImplItemFn) -> Option<String> {
    let predicates = &setter.sig.generics.where_clause.as_ref()?.predicates;
    predicates.iter().find_map(|predicate| {
        let WherePredicate::Type(bounded) = predicate else { return None };
        let Some(TypeParamBound::Trait(bound)) = bounded.bounds.first() else { return None };
        let last = bound.path.segments.last().filter(|segment| segment.ident == "TryInto")?;
        let syn::PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
        arguments.args.first().map(written)
    })
}

fn written(code: &impl ToTokens) -> String {
    code.to_token_stream().to_string()
}
