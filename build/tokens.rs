//! Opens what the generator closes: enums take values they do not list, and the rest of an object
//! (`extra`) costs neither a `Default` nor a required call in builders.

use quote::ToTokens;
use syn::{
    Arm, Attribute, Expr, Fields, File, Ident, ItemEnum, ItemImpl, ItemStruct, Pat, Path, Token,
    Type, parse_quote, punctuated::Punctuated, visit_mut, visit_mut::VisitMut,
};

/// Rewrites the generated `file`.
pub(crate) fn open(file: &mut File) {
    let mut enums = Enums { names: Vec::new() };
    enums.visit_file_mut(file);
    Conversions { names: &enums.names }.visit_file_mut(file);
    Rest.visit_file_mut(file);
}

fn is_derive(attribute: &Attribute) -> bool {
    attribute.path().is_ident("derive")
}

fn last(path: &Path) -> String {
    path.segments.last().map(|it| it.ident.to_string()).unwrap_or_default()
}

struct Enums {
    names: Vec<Ident>,
}

impl VisitMut for Enums {
    fn visit_item_enum_mut(&mut self, item: &mut ItemEnum) {
        let units = item.variants.iter().all(|it| matches!(it.fields, Fields::Unit));
        if item.variants.is_empty() || !units || !item.attrs.iter().any(is_derive) {
            return;
        }
        for attribute in item.attrs.iter_mut().filter(|it| is_derive(it)) {
            let derives =
                attribute.parse_args_with(Punctuated::<Path, Token![,]>::parse_terminated);
            let kept = derives.into_iter().flatten().filter(|it| last(it) != "Copy");
            *attribute = parse_quote!(#[derive(#(#kept),*)]);
        }
        item.attrs.push(parse_quote!(#[non_exhaustive]));
        item.variants.push(parse_quote! {
            /// A value that this edition of the API's description does not list.
            #[serde(untagged)]
            Unlisted(::std::string::String)
        });
        self.names.push(item.ident.clone());
    }
}

/// Teaches `Display` and `FromStr` of the opened enums the new variant.
struct Conversions<'a> {
    names: &'a [Ident],
}

impl VisitMut for Conversions<'_> {
    fn visit_item_impl_mut(&mut self, item: &mut ItemImpl) {
        let Type::Path(of) = &*item.self_ty else { return };
        let (Some(name), Some((_, implemented, _))) = (of.path.get_ident(), &item.trait_) else {
            return;
        };
        if !self.names.contains(name) {
            return;
        }
        let arm: Arm = match last(implemented).as_str() {
            "Display" => parse_quote!(Self::Unlisted(ref value) => f.write_str(value),),
            "FromStr" => parse_quote! {
                value => ::std::result::Result::Ok(Self::Unlisted(value.to_string())),
            },
            _ => return,
        };
        AddArm(arm).visit_item_impl_mut(item);
    }
}

struct AddArm(Arm);

impl VisitMut for AddArm {
    fn visit_expr_match_mut(&mut self, item: &mut syn::ExprMatch) {
        item.arms.retain(|arm| !matches!(arm.pat, Pat::Wild(_)));
        item.arms.push(self.0.clone());
    }
}

struct Rest;

impl VisitMut for Rest {
    fn visit_item_struct_mut(&mut self, item: &mut ItemStruct) {
        let is_rest = |it: &syn::Field| it.ident.as_ref().is_some_and(|name| name == "extra");
        let optional =
            |it: &syn::Field| matches!(&it.ty, Type::Path(of) if last(&of.path) == "Option");
        let derives = item.attrs.iter().filter(|it| is_derive(it));
        let wire =
            derives.map(|it| it.to_token_stream().to_string()).any(|it| it.contains("serde"));
        let cheap = item.fields.iter().all(|it| is_rest(it) || optional(it));
        if wire && cheap && item.fields.iter().any(is_rest) {
            item.attrs.push(parse_quote!(#[derive(Default)]));
        }
    }

    fn visit_expr_mut(&mut self, item: &mut Expr) {
        if let Expr::MethodCall(call) = item
            && let (Some(method), 1) = (unknown_to_reqwest(&call.method), call.args.len())
            && matches!(&*call.receiver, Expr::Field(_))
        {
            call.method = parse_quote!(request);
            call.args.insert(0, method);
        }
        if is_missing_extra(item) {
            *item = parse_quote!(Ok(::std::default::Default::default()));
        } else {
            visit_mut::visit_expr_mut(self, item);
        }
    }
}

/// Whether it is `Err("no value supplied for extra".to_string())`, what a builder starts with.
fn is_missing_extra(item: &Expr) -> bool {
    let Expr::Call(call) = item else { return false };
    let Some(Expr::MethodCall(text)) = call.args.first() else { return false };
    let Expr::Lit(literal) = &*text.receiver else { return false };
    matches!(&literal.lit, syn::Lit::Str(text) if text.value() == "no value supplied for extra")
}

/// The methods for which reqwest has no function of their name, as the argument of `request`.
fn unknown_to_reqwest(called: &Ident) -> Option<Expr> {
    match called.to_string().as_str() {
        "options" => Some(parse_quote!(reqwest::Method::OPTIONS)),
        "trace" => Some(parse_quote!(reqwest::Method::TRACE)),
        _ => None,
    }
}
