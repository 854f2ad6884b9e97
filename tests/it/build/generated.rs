//! The source that our own document becomes.

use std::sync::LazyLock;

use syn::{Fields, Item, visit_mut, visit_mut::VisitMut};

use super::{generator, ours, read};

static SOURCE: LazyLock<String> = LazyLock::new(|| {
    let mut prepared = generator::prepare(ours(), &read("openapi/overlay.yaml")).unwrap();
    assert!(prepared.unmatched.is_empty(), "{:?}", prepared.unmatched);
    let source = generator::generate::source(
        &mut prepared.document,
        &prepared.operations,
        &mut prepared.notes,
    )
    .unwrap();
    assert_eq!(prepared.notes, [""; 0]);
    source
});

#[test]
fn every_operation_becomes_a_method() {
    assert_eq!(SOURCE.matches("pub async fn send(").count(), 93);
}

#[test]
fn every_enum_takes_values_that_it_does_not_list() {
    let mut enums = Enums::default();
    enums.visit_file_mut(&mut syn::parse_file(&SOURCE).unwrap());

    assert!(enums.open > 20, "only {} enums", enums.open);
    assert!(enums.closed.is_empty(), "{:?}", enums.closed);
}

#[test]
fn no_object_refuses_fields_that_it_does_not_know() {
    assert!(!SOURCE.contains("deny_unknown_fields"));
    let mut structs = Structs::default();
    structs.visit_file_mut(&mut syn::parse_file(&SOURCE).unwrap());

    assert!(structs.open > 60, "only {} structs", structs.open);
    assert!(structs.closed.is_empty(), "{:?}", structs.closed);
}

#[test]
fn what_the_overlay_calls_unread_is_kept_as_json_in_its_record_only() {
    for part in ["DeviceClientConnectivity", "DeviceDistro", "DevicePostureIdentity"] {
        // Without the line breaks that long types get.
        let source = SOURCE.split_whitespace().collect::<String>().replace(",>", ">");

        let field = format!("Option<crate::client::Unread<{part}>>");
        assert_eq!(source.matches(&field).count(), 1, "{part}: the field");
        let set = format!("Option<crate::client::Unread<super::{part}>>");
        assert!(source.matches(&set).count() >= 2, "{part}: the builder");
        assert!(source.contains(&format!("pubstruct{part}{{")), "{part}: what is read");
    }
}

/// The enums of plain names, with and without a place for other values.
#[derive(Default)]
struct Enums {
    open: usize,
    closed: Vec<String>,
}

impl VisitMut for Enums {
    fn visit_item_enum_mut(&mut self, item: &mut syn::ItemEnum) {
        let units = item.variants.iter().filter(|it| matches!(it.fields, Fields::Unit)).count();
        let open = item.variants.iter().any(|it| it.ident == "Unlisted");
        if open {
            self.open += 1;
        } else if units > 0 {
            self.closed.push(item.ident.to_string());
        }
    }
}

/// The structs with fields that are read from the wire, with and without a place for others.
#[derive(Default)]
struct Structs {
    open: usize,
    closed: Vec<String>,
}

impl VisitMut for Structs {
    fn visit_item_mod_mut(&mut self, item: &mut syn::ItemMod) {
        // Builders are not read.
        if item.ident != "builder" {
            visit_mut::visit_item_mod_mut(self, item);
        }
    }

    fn visit_item_mut(&mut self, item: &mut Item) {
        if let Item::Struct(it) = item
            && let Fields::Named(fields) = &it.fields
            && quote::quote!(#it).to_string().contains("serde :: Deserialize")
        {
            if fields.named.iter().any(|it| it.ident.as_ref().is_some_and(|it| it == "extra")) {
                self.open += 1;
            } else {
                self.closed.push(it.ident.to_string());
            }
        }
        visit_mut::visit_item_mut(self, item);
    }
}
