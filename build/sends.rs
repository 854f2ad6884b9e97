//! Makes the calls of the generated client leave through our own transport: each `send` keeps how
//! its request is put together, and what sends it and reads the answer is ours. So a call has our
//! credentials, limits, retries and errors, and no body is read twice.

use quote::{ToTokens, format_ident};
use syn::{
    Block, Expr, ExprPath, FieldValue, File, GenericArgument, Ident, ImplItem, ImplItemFn, Item,
    ItemImpl, Lit, Pat, PathArguments, Stmt, Type, parse_quote,
    visit::Visit,
    visit_mut::{self, VisitMut},
};

use super::facts::variant;

/// Rewrites every `send` of the generated `file`. Fails, by name, for one of another shape.
pub(crate) fn redirect(file: &mut File) -> Result<(), String> {
    file.items.retain(|item| !is_of_the_generators_runtime(item));
    let mut sends = Sends { wrong: Vec::new() };
    sends.visit_file_mut(file);
    Paths.visit_file_mut(file);
    if sends.wrong.is_empty() { Ok(()) } else { Err(sends.wrong.join("; ")) }
}

/// The generator's runtime has errors and answers of its own, and hooks around each call.
fn is_of_the_generators_runtime(item: &Item) -> bool {
    match item {
        Item::Use(import) => {
            mentions_ident(import, "encode_path") || mentions_ident(import, "ClientInfo")
        }
        Item::Impl(implementation) => implementation.trait_.as_ref().is_some_and(|(_, path, _)| {
            path.segments.last().is_some_and(|segment| segment.ident == "ClientInfo")
        }),
        // Checks that somebody implements the hooks.
        Item::Const(check) => {
            let mut names = Names("ClientHooks", false);
            names.visit_item_const(check);
            names.1
        }
        _ => false,
    }
}

struct Sends {
    wrong: Vec<String>,
}

impl VisitMut for Sends {
    fn visit_item_mod_mut(&mut self, module: &mut syn::ItemMod) {
        if let Some((_, items)) = &mut module.content {
            items.retain(|item| !is_of_the_generators_runtime(item));
        }
        visit_mut::visit_item_mod_mut(self, module);
    }

    fn visit_item_impl_mut(&mut self, item: &mut ItemImpl) {
        let name = item.self_ty.to_token_stream().to_string();
        for member in &mut item.items {
            let ImplItem::Fn(function) = member else { continue };
            if name == "Client" && takes_no_self(function) {
                // Only a tailnet makes one.
                function.vis = parse_quote!(pub(crate));
            }
            if function.sig.ident == "new" {
                DefaultTailnet.visit_block_mut(&mut function.block);
            }
            if function.sig.ident == "send"
                && let Err(why) = redirect_send(function)
            {
                self.wrong.push(format!("the generated `{name}::send` {why}"));
            }
        }
    }
}

fn takes_no_self(function: &ImplItemFn) -> bool {
    function.sig.receiver().is_none()
}

/// The tailnet is that of the client, unless the caller names another.
struct DefaultTailnet;

impl VisitMut for DefaultTailnet {
    fn visit_field_value_mut(&mut self, field: &mut FieldValue) {
        let is_tailnet = matches!(&field.member, syn::Member::Named(name) if name == "tailnet");
        if is_tailnet && mentions_text(&field.expr, "tailnet was not initialized") {
            field.expr = parse_quote!(Ok(client.inner.tailnet().to_owned()));
        }
    }
}

fn redirect_send(function: &mut ImplItemFn) -> Result<(), String> {
    let answered = answered(&function.sig.output).ok_or("answers in another way than before")?;
    let read: Expr = match answered.to_token_stream().to_string().as_str() {
        "()" => parse_quote!(answer.empty()),
        "ByteStream" => parse_quote!(answer.bytes()),
        _ => parse_quote!(answer.json()?),
    };
    let body: Type = match answered.to_token_stream().to_string().as_str() {
        "ByteStream" => parse_quote!(::bytes::Bytes),
        _ => answered,
    };
    let operation = cut_at_info(&mut function.block).ok_or("names no operation")?;
    let operation = format_ident!("{}", variant(&operation));
    function.sig.output = parse_quote!(-> crate::client::Result<crate::client::Response<#body>>);
    let block = &mut function.block;
    block.stmts.retain(|statement| !mentions_text(statement, "api-version"));
    let (client, request) = build_with_our_errors(block).ok_or("builds no request")?;
    let ending: Block = parse_quote!({
        let answer = #client.inner.send(crate::Operation::#operation, #request).await?;
        Ok(#read)
    });
    block.stmts.extend(ending.stmts);
    Ok(())
}

/// The type `T` in `-> Result<ResponseValue<T>, Error<()>>`.
fn answered(output: &syn::ReturnType) -> Option<Type> {
    let syn::ReturnType::Type(_, result) = output else { return None };
    first_argument(&first_argument(result)?)
}

fn first_argument(of: &Type) -> Option<Type> {
    let Type::Path(path) = of else { return None };
    let PathArguments::AngleBracketed(arguments) = &path.path.segments.last()?.arguments else {
        return None;
    };
    match arguments.args.first()? {
        GenericArgument::Type(argument) => Some(argument.clone()),
        _ => None,
    }
}

/// Drops all from `let info = OperationInfo { operation_id: "…" }` on, and gives that name.
fn cut_at_info(block: &mut Block) -> Option<String> {
    let is_info = |statement: &Stmt| {
        let Some((_, Expr::Struct(info))) = assigned(statement) else { return false };
        info.path.segments.last().is_some_and(|segment| segment.ident == "OperationInfo")
    };
    let at = block.stmts.iter().position(is_info)?;
    let mut texts = Texts::default();
    texts.visit_stmt(block.stmts.get(at)?);
    block.stmts.truncate(at);
    texts.0.into_iter().next()
}

/// Turns the error of `let mut request = client.client.….build()?` into ours. Gives the names of the
/// client and the request, which differ where a parameter is called so.
fn build_with_our_errors(block: &mut Block) -> Option<(Ident, Ident)> {
    block.stmts.iter_mut().find_map(|statement| {
        let (request, _) = assigned(statement)?;
        let Stmt::Local(local) = statement else { return None };
        let Expr::Try(tried) = &mut *local.init.as_mut()?.expr else { return None };
        let Expr::MethodCall(build) = &*tried.expr else { return None };
        if build.method != "build" {
            return None;
        }
        let client = first_name(&build.receiver)?;
        *tried.expr = parse_quote!(#build.map_err(crate::client::Error::unsendable));
        Some((client, request))
    })
}

/// The name and the value of `let name = value`.
fn assigned(statement: &Stmt) -> Option<(Ident, &Expr)> {
    let Stmt::Local(local) = statement else { return None };
    let Pat::Ident(pattern) = &local.pat else { return None };
    Some((pattern.ident.clone(), &local.init.as_ref()?.expr))
}

/// The variable that a chain of calls begins with.
fn first_name(chain: &Expr) -> Option<Ident> {
    match chain {
        Expr::MethodCall(call) => first_name(&call.receiver),
        Expr::Field(field) => first_name(&field.base),
        Expr::Try(tried) => first_name(&tried.expr),
        Expr::Path(path) => path.path.get_ident().cloned(),
        _ => None,
    }
}

/// Our errors for what a builder was not given, for headers and for forms, and our own escaping of path
/// segments: the generator's leaves `\` as it is, which URLs take for a `/`.
struct Paths;

impl VisitMut for Paths {
    fn visit_expr_try_mut(&mut self, tried: &mut syn::ExprTry) {
        visit_mut::visit_expr_try_mut(self, tried);
        let Expr::MethodCall(call) = &*tried.expr else { return };
        let sent: Expr = if call.method == "try_into" {
            parse_quote!(#call)
        } else if call.method == "form_urlencoded" {
            let (request, form) = (&call.receiver, &call.args);
            parse_quote!(progenitor_client::RequestBuilderExt::<()>::form_urlencoded(#request, #form))
        } else {
            return;
        };
        *tried.expr = parse_quote!(#sent.map_err(crate::client::Error::unsendable));
    }

    fn visit_expr_path_mut(&mut self, path: &mut ExprPath) {
        let names: Vec<String> =
            path.path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if names == ["Error", "InvalidRequest"] {
            *path = parse_quote!(crate::client::Error::invalid_request);
        }
    }

    fn visit_macro_mut(&mut self, called: &mut syn::Macro) {
        called.tokens = escape_with_ours(std::mem::take(&mut called.tokens));
    }
}

/// `encode_path` by its full path, and ours.
fn escape_with_ours(tokens: proc_macro2::TokenStream) -> proc_macro2::TokenStream {
    use proc_macro2::{Group, TokenTree};
    let ours = quote::quote!(crate::client::path_segment);
    tokens
        .into_iter()
        .flat_map(|token| match token {
            TokenTree::Ident(name) if name == "encode_path" => ours.clone(),
            TokenTree::Group(group) => {
                let inner = escape_with_ours(group.stream());
                TokenTree::Group(Group::new(group.delimiter(), inner)).into()
            }
            other => other.into(),
        })
        .collect()
}

/// The string literals in a piece of code.
#[derive(Default)]
struct Texts(Vec<String>);

impl<'ast> Visit<'ast> for Texts {
    fn visit_lit(&mut self, literal: &'ast Lit) {
        if let Lit::Str(text) = literal {
            self.0.push(text.value());
        }
    }
}

trait Visited {
    fn visit(&self, visitor: &mut Texts);
}

impl Visited for Stmt {
    fn visit(&self, visitor: &mut Texts) {
        visitor.visit_stmt(self);
    }
}

impl Visited for Expr {
    fn visit(&self, visitor: &mut Texts) {
        visitor.visit_expr(self);
    }
}

fn mentions_text(code: &impl Visited, text: &str) -> bool {
    let mut texts = Texts::default();
    code.visit(&mut texts);
    texts.0.iter().any(|found| found == text)
}

/// Whether a name occurs in a piece of code.
struct Names<'a>(&'a str, bool);

impl<'ast> Visit<'ast> for Names<'_> {
    fn visit_ident(&mut self, ident: &'ast Ident) {
        self.1 |= ident == self.0;
    }
}

fn mentions_ident(import: &syn::ItemUse, name: &str) -> bool {
    let mut names = Names(name, false);
    names.visit_item_use(import);
    names.1
}
