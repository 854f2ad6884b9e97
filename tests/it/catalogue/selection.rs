//! Who is offered what.

use std::collections::BTreeSet;

use tailsteward::{
    catalogue,
    catalogue::{Offer, Selectors, ToolSelection},
    tool::Risk,
};

fn offer(access: Risk, words: Selectors) -> Result<BTreeSet<&'static str>, String> {
    let choice = ToolSelection::read(&words).map_err(|error| error.to_string())?;
    Ok(Offer::new(access, choice, Vec::new()).tools().map(|it| it.name).collect())
}

fn words(toolsets: &[&str], tools: &[&str], exclude: &[&str], read_only: bool) -> Selectors {
    let list = |it: &[&str]| it.iter().map(|it| (*it).to_owned()).collect();
    let mut words = Selectors::default();
    (words.toolsets, words.tools, words.exclude) = (list(toolsets), list(tools), list(exclude));
    words.read_only = read_only;
    words
}

#[test]
fn toolsets_tools_and_exclusions_add_up() {
    let all: BTreeSet<&str> = catalogue::all().map(|it| it.name).collect();
    let danger = |words| offer(Risk::Danger, words).unwrap();

    let sets = catalogue::TOOLSETS.iter().filter(|it| it.default);
    let default: BTreeSet<&str> = sets.flat_map(|it| it.tools).map(|it| it.name).collect();
    assert_eq!(danger(words(&[], &[], &[], false)), default);
    assert_eq!(danger(words(&["default"], &[], &[], false)), default);
    assert_eq!(danger(words(&["all"], &[], &[], false)), all);
    assert_eq!(danger(words(&["changes"], &[], &[], false)).len(), 5);
    assert_eq!(danger(words(&[], &["list_devices"], &[], false)), ["list_devices"].into());
    assert_eq!(danger(words(&["changes"], &["list_devices"], &[], false)).len(), 6);
    let less = danger(words(&["all"], &["list_devices"], &["list_devices"], false));
    assert!(!less.contains("list_devices"), "to exclude wins");
    let reads = danger(words(&["all"], &["revoke_device"], &[], true));
    assert!(!reads.contains("revoke_device"), "reading only wins over all");
    assert!(reads.contains("list_changes") && !reads.contains("undo_change"));
}

#[test]
fn a_misspelt_name_is_answered_with_the_nearest() {
    for (wrong, right) in [
        (words(&["device"], &[], &[], false), "devices"),
        (words(&["Changes"], &[], &[], false), "changes"),
        (words(&[], &["list_device"], &[], false), "list_devices"),
        (words(&[], &[], &["undo_changes"], false), "undo_change"),
    ] {
        let error = offer(Risk::Danger, wrong).unwrap_err();
        assert!(error.contains(&format!("did you mean `{right}`")), "{error}");
    }
    let error = offer(Risk::Read, words(&["zzz"], &[], &[], false)).unwrap_err();
    assert!(error.contains("choose from devices, network, tag_operations, policy"), "{error}");
}

#[test]
fn tools_whose_scopes_the_credential_lacks_are_hidden() {
    let offered = |scopes: &[&str]| -> BTreeSet<&str> {
        let scopes = scopes.iter().map(|it| (*it).to_owned()).collect();
        let choice = ToolSelection::read(&Selectors::default()).unwrap();
        Offer::new(Risk::Danger, choice, scopes).tools().map(|it| it.name).collect()
    };

    let core = offered(&["devices:core:read"]);
    assert!(core.contains("list_devices") && core.contains("list_changes"));
    assert!(!core.contains("revoke_device") && !core.contains("get_device_attributes"), "{core:?}");
    assert!(offered(&["devices:core"]).contains("revoke_device"), "to write is to read, too");
    assert_eq!(offered(&["all"]).len(), Offer::up_to(Risk::Danger).tools().count());
    let reads = offered(&["all:read"]);
    assert!(reads.contains("get_device_logs") && !reads.contains("authorize_device"), "{reads:?}");
}

#[test]
fn what_narrows_never_widens() {
    let reads = Offer::up_to(Risk::Read);
    let wide = ToolSelection::read(&words(&["all"], &["revoke_device"], &[], false)).unwrap();
    let narrow = ToolSelection::read(&words(&["changes"], &[], &[], false)).unwrap();

    let names = |offer: &Offer| offer.tools().map(|it| it.name).collect::<BTreeSet<_>>();
    assert_eq!(names(&reads.narrowed(wide)), names(&reads));
    assert_eq!(
        names(&reads.narrowed(narrow)),
        ["get_audit_logs", "get_change", "list_changes", "list_pending_plans"].into()
    );
}
