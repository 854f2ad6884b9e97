//! Operations that hand-written code calls.

use super::{
    file,
    generator::{facts::Facts, prepare, used},
    no_overlay, ours,
};

#[test]
fn the_operation_that_is_gone_is_named_with_the_file_that_calls_it() {
    let used = [
        ("SetDeviceTags".to_owned(), "src/tailnet/devices/tags.rs".to_owned()),
        ("SetDeviceTags".to_owned(), "src/tailnet/devices/plan.rs".to_owned()),
        ("GetDevice".to_owned(), "src/tailnet/devices/mod.rs".to_owned()),
    ];

    let gone = used::missing(&used, &["GetDevice".to_owned()]).unwrap();

    let expected = "setDeviceTags (in src/tailnet/devices/plan.rs, src/tailnet/devices/tags.rs);";
    assert!(gone.contains(expected), "{gone}");
    assert!(!gone.contains("getDevice"), "{gone}");
    assert_eq!(used::missing(&used, &["GetDevice", "SetDeviceTags"].map(String::from)), None);
}

#[test]
fn every_operation_that_the_code_calls_is_found_in_it() {
    let used = used::find(&file("src")).unwrap();

    let variants: Vec<&str> = used.iter().map(|it| it.0.as_str()).collect();
    assert!(variants.contains(&"SetDeviceTags") && variants.contains(&"GetPolicyFile"));
    let prepared = prepare(ours(), &no_overlay()).unwrap();
    let known: Vec<String> = prepared.operations.iter().map(Facts::variant).collect();
    assert_eq!(used::missing(&used, &known), None);
}

#[test]
fn constants_and_functions_of_the_enum_are_no_operations() {
    let text = "Operation::SetDeviceTags, Operation::ALL, Operation::called(x), Operation::GetKey;";

    assert_eq!(used::in_text(text).collect::<Vec<_>>(), ["SetDeviceTags", "GetKey"]);
}
