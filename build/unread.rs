//! Parts of records that most readers pass over are kept as JSON, and become values when asked for.

use serde_json::Value;
use syn::{
    Field, File, GenericArgument, Ident, ItemImpl, ItemStruct, PathArguments, Type, TypePath,
    parse_quote,
    visit_mut::{self, VisitMut},
};

use super::{components, fold};

/// The properties that a schema names in `x-unread`, by name of the schema.
pub(crate) fn find(document: &Value) -> Vec<(String, Vec<String>)> {
    let named = components(document).into_iter();
    let listed = named.filter_map(|(name, schema)| {
        let fields = schema.get("x-unread")?.as_array()?;
        Some((fold(&name), fields.iter().filter_map(Value::as_str).map(fold).collect()))
    });
    listed.collect()
}

/// Gives these fields of `file`, and what sets them, the type `Unread`.
pub(crate) fn keep(file: &mut File, unread: &[(String, Vec<String>)]) {
    for (record, fields) in unread {
        let mut parts = Parts { record, fields, names: Vec::new() };
        parts.visit_file_mut(file);
        Wrap { record, names: &parts.names, within: false }.visit_file_mut(file);
    }
}

/// Collects the types of the fields.
struct Parts<'a> {
    record: &'a str,
    fields: &'a [String],
    names: Vec<Ident>,
}

impl VisitMut for Parts<'_> {
    fn visit_item_struct_mut(&mut self, item: &mut ItemStruct) {
        if fold(&item.ident.to_string()) == self.record {
            let listed = item.fields.iter().filter(|it| self.lists(it));
            let names: Vec<Ident> = listed.filter_map(|it| inner(&it.ty)).collect();
            self.names.extend(names);
        }
    }
}

impl Parts<'_> {
    fn lists(&self, field: &Field) -> bool {
        field.ident.as_ref().is_some_and(|it| self.fields.contains(&fold(&it.to_string())))
    }
}

/// The name of `T` in `Option<T>`, if it is a type of the generated file.
fn inner(of: &Type) -> Option<Ident> {
    let Type::Path(of) = of else { return None };
    let PathArguments::AngleBracketed(arguments) = &of.path.segments.last()?.arguments else {
        return None;
    };
    let Some(GenericArgument::Type(Type::Path(part))) = arguments.args.first() else { return None };
    part.path.get_ident().cloned()
}

/// Wraps these types wherever the record, or its builder, names them.
struct Wrap<'a> {
    record: &'a str,
    names: &'a [Ident],
    within: bool,
}

impl VisitMut for Wrap<'_> {
    fn visit_item_struct_mut(&mut self, item: &mut ItemStruct) {
        self.within = fold(&item.ident.to_string()) == self.record;
        visit_mut::visit_item_struct_mut(self, item);
        self.within = false;
    }

    fn visit_item_impl_mut(&mut self, item: &mut ItemImpl) {
        let of = match &*item.self_ty {
            Type::Path(of) => of.path.segments.last().map(|it| fold(&it.ident.to_string())),
            _ => None,
        };
        self.within = of.as_deref() == Some(self.record);
        visit_mut::visit_item_impl_mut(self, item);
        self.within = false;
    }

    fn visit_type_mut(&mut self, item: &mut Type) {
        let named = |it: &TypePath| {
            it.path.segments.last().is_some_and(|last| self.names.contains(&last.ident))
        };
        match item {
            Type::Path(of) if self.within && named(of) => {
                *item = parse_quote!(crate::client::Unread<#of>);
            }
            _ => visit_mut::visit_type_mut(self, item),
        }
    }
}
