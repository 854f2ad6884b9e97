//! Compares this crate with Tailscale: policies that were posted to the real API, with its answers and what
//! every device then received.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    net::IpAddr,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use serde_json::{Map, Value};
use tailsteward_policy::{
    self, Inventory,
    inventory::{Device, User},
};

/// A policy, and how Tailscale handled it.
#[derive(Deserialize)]
struct Case {
    id: String,
    tailnet: String,
    policy: Value,
    status: u16,
    error: Option<Value>,
    users: Vec<CaseUser>,
    nodes: BTreeMap<String, Node>,
    packet_filter_rules: Option<BTreeMap<String, Value>>,
    #[serde(rename = "self")]
    own: Option<BTreeMap<String, Value>>,
    ssh_rules: Option<BTreeMap<String, Value>>,
}

#[derive(Deserialize)]
struct CaseUser {
    name: String,
    email: String,
}

#[derive(Deserialize)]
struct Node {
    hostname: String,
    ipv4: Option<IpAddr>,
    ipv6: Option<IpAddr>,
    tags: Option<Vec<String>>,
    user: Option<String>,
    routable_ips: Option<Vec<String>>,
    approved_routes: Option<Vec<String>>,
}

/// How many cases were compared, and in how many of them this crate agrees with Tailscale.
#[derive(Default, Clone, Copy)]
struct Score {
    of: usize,
    agree: usize,
}

#[derive(Default)]
struct Tally {
    accept: Score,
    error: Score,
    filter: Score,
    ssh: Score,
    attrs: Score,
    disagreements: Vec<String>,
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.agree, self.of)
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { accept, error, filter, ssh, attrs, .. } = self;
        write!(f, "accept {accept}, error {error}, filter {filter}, ssh {ssh}, attrs {attrs}")
    }
}

impl Score {
    fn count(&mut self, agrees: bool) {
        self.of += 1;
        self.agree += usize::from(agrees);
    }

    fn is_at_least(self, percent: usize) -> bool {
        self.agree * 100 >= self.of * percent
    }
}

/// Attributes that every device of the tailnet receives whatever its policy file says: because of user
/// roles and tailnet settings.
const GIVEN: &[&str] = &[
    "default-auto-update",
    "https://tailscale.com/cap/file-sharing",
    "https://tailscale.com/cap/is-admin",
    "https://tailscale.com/cap/is-owner",
    "https://tailscale.com/cap/ssh",
    "https://tailscale.com/cap/tailnet-lock",
    // Funnel needs HTTPS, which was disabled in the captured tailnet.
    "https://tailscale.com/cap/warn-funnel-no-https",
    "probe-udp-lifetime",
    "ssh-behavior-v1",
    "ssh-env-vars",
    "store-appc-routes",
    "tailnet-display-name",
];

fn folder() -> PathBuf {
    std::env::var_os("TAILSTEWARD_POLICY_CAPTURES").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/captures"),
        PathBuf::from,
    )
}

/// The cases by category; `None` if there are no captures on this machine.
fn categories() -> Option<BTreeMap<String, Vec<Case>>> {
    let mut categories = BTreeMap::new();
    for entry in std::fs::read_dir(folder()).ok()? {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|it| it != "jsonl") {
            continue;
        }
        let name = path.file_stem().unwrap().to_string_lossy().replace("_results", "");
        let text = std::fs::read_to_string(&path).unwrap();
        let case = |line: &str| -> Case {
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{name}: {error}"))
        };
        let cases = text.lines().filter(|it| !it.trim().is_empty()).map(case).collect();
        categories.insert(name, cases);
    }
    (!categories.is_empty()).then_some(categories)
}

impl Case {
    fn text(&self) -> String {
        match &self.policy {
            Value::String(text) => text.clone(),
            object => object.to_string(),
        }
    }

    fn inventory(&self) -> Inventory {
        let mut inventory = Inventory::named(&self.tailnet);
        let login = |name: &str| {
            let user = self.users.iter().find(|it| it.name == name);
            user.map_or_else(|| name.to_owned(), |it| it.email.clone())
        };
        // The captures show a user's role by the attributes that the user's devices receive.
        let is = |user: &str, what: &str| {
            let own = self.own.iter().flatten();
            own.filter(|(node, _)| self.nodes[*node].user.as_deref() == Some(user)).any(
                |(_, it)| it["cap_map"].get(format!("https://tailscale.com/cap/{what}")).is_some(),
            )
        };
        for user in &self.users {
            let role = match () {
                () if is(&user.name, "is-owner") => "owner",
                () if is(&user.name, "is-admin") => "admin",
                () => "member",
            };
            inventory.users.push(User::new(&user.email, role));
        }
        for (name, node) in &self.nodes {
            let addresses = node.ipv4.into_iter().chain(node.ipv6).collect();
            let mut device = Device::new(&node.hostname, addresses);
            device.id.clone_from(name);
            device.tags = node.tags.clone().unwrap_or_default();
            device.user = node.user.as_deref().map(login).unwrap_or_default();
            let nets = |list: &Option<Vec<String>>| {
                list.iter().flatten().map(|it| it.parse().unwrap()).collect()
            };
            device.enabled_routes = nets(&node.approved_routes);
            device.advertised_routes = nets(&node.routable_ips);
            inventory.devices.push(device);
        }
        inventory
    }

    fn expected_error(&self) -> &str {
        let error = self.error.as_ref();
        error.and_then(|it| it["message"].as_str()).unwrap_or_default()
    }
}

/// The value with its lists sorted, for places where order does not matter.
fn unordered(value: &Value) -> Value {
    match value {
        Value::Array(list) => {
            let mut list: Vec<Value> = list.iter().map(unordered).collect();
            list.sort_by_key(Value::to_string);
            Value::Array(list)
        }
        Value::Object(map) => {
            map.iter().map(|(name, it)| (name.clone(), unordered(it))).collect::<Map<_, _>>().into()
        }
        other => other.clone(),
    }
}

/// Rules in order; within a rule, order is ignored and empty fields are dropped.
fn rules(value: &Value) -> Vec<Value> {
    let full = |rule: &Value| {
        let fields = rule.as_object().unwrap().iter();
        let fields = fields.filter(|(name, it)| {
            *name == "SrcIPs" || !(it.is_null() || it.as_array().is_some_and(Vec::is_empty))
        });
        let rule: Map<_, _> = fields.map(|(name, it)| (name.clone(), unordered(it))).collect();
        Value::Object(rule)
    };
    value.as_array().into_iter().flatten().map(full).collect()
}

/// Attributes by name; an attribute without a value is `null` or an empty list.
fn attributes(map: &Map<String, Value>) -> BTreeMap<&str, Vec<Value>> {
    let sent = map.iter().filter(|(name, _)| !GIVEN.contains(&name.as_str()));
    sent.map(|(name, it)| (name.as_str(), it.as_array().cloned().unwrap_or_default())).collect()
}

fn judge(case: &Case, tally: &mut Tally) {
    let inventory = case.inventory();
    let checked = tailsteward_policy::check(&case.text(), Some(&inventory));
    let accepted = case.status == 200;
    let first = checked.errors().next().map(|it| it.message.clone());
    let mut differ = |what: &str, why: String| {
        tally.disagreements.push(format!("{} {what}: {why}", case.id));
    };
    tally.accept.count(accepted == first.is_none());
    if accepted != first.is_none() {
        differ("accept", format!("Tailscale {}, here {first:?}", case.status));
    }
    if !accepted {
        let same = first.as_deref() == Some(case.expected_error());
        tally.error.count(same);
        if !same {
            differ("error", format!("Tailscale {:?}, here {first:?}", case.expected_error()));
        }
        return;
    }
    let Some(policy) = checked.policy else { return };
    let compiled = policy.compile(&inventory);
    let at = |node: &str| inventory.devices.iter().position(|it| it.id == node).unwrap();
    let mut wrong = BTreeSet::new();
    for (node, theirs) in case.packet_filter_rules.iter().flatten() {
        let ours = serde_json::to_value(compiled.packet_filter(at(node))).unwrap();
        if rules(&ours) != rules(theirs) {
            let (theirs, ours) = (Value::from(rules(theirs)), Value::from(rules(&ours)));
            wrong.insert(format!("{node}\n  Tailscale {theirs}\n  here      {ours}"));
        }
    }
    tally.filter.count(wrong.is_empty());
    if let Some(first) = wrong.first() {
        differ("filter", format!("{} devices, first {first}", wrong.len()));
    }
    let mut wrong = BTreeSet::new();
    for (node, theirs) in case.ssh_rules.iter().flatten() {
        let ours = serde_json::to_value(compiled.ssh_rules(at(node))).unwrap();
        if rules(&ours) != rules(theirs) {
            let (theirs, ours) = (Value::from(rules(theirs)), Value::from(rules(&ours)));
            wrong.insert(format!("{node}\n  Tailscale {theirs}\n  here      {ours}"));
        }
    }
    if case.ssh_rules.as_ref().is_some_and(|it| !it.is_empty()) {
        tally.ssh.count(wrong.is_empty());
        if let Some(first) = wrong.first() {
            differ("ssh", format!("{} devices, first {first}", wrong.len()));
        }
    }
    let mut wrong = BTreeSet::new();
    for (node, theirs) in case.own.iter().flatten() {
        let Some(theirs) = theirs["cap_map"].as_object() else { continue };
        let ours = compiled.attributes(at(node));
        if attributes(&ours) != attributes(theirs) {
            wrong.insert(format!("{node} {:?} {:?}", attributes(theirs), attributes(&ours)));
        }
    }
    tally.attrs.count(wrong.is_empty());
    if let Some(first) = wrong.first() {
        differ("attrs", format!("{} devices, first {first}", wrong.len()));
    }
}

impl Tally {
    /// A row of the table in the documentation.
    fn row(&self, name: &str) -> String {
        let Self { accept, error, filter, ssh, attrs, .. } = self;
        let cell = |it: &Score| if it.of == 0 { "-".to_owned() } else { it.to_string() };
        let cells = [accept, error, filter, ssh, attrs].map(cell).join(" | ");
        format!("| {name} | {cells} |")
    }

    fn add(&mut self, other: &Self) {
        let pairs = [
            (&mut self.accept, other.accept),
            (&mut self.error, other.error),
            (&mut self.filter, other.filter),
            (&mut self.ssh, other.ssh),
            (&mut self.attrs, other.attrs),
        ];
        for (sum, part) in pairs {
            sum.of += part.of;
            sum.agree += part.agree;
        }
    }
}

#[test]
#[cfg_attr(
    not(has_captures),
    ignore = "needs the captures, which TAILSTEWARD_POLICY_CAPTURES names"
)]
fn policies_are_judged_as_tailscale_judges_them() {
    let categories =
        categories().unwrap_or_else(|| panic!("no captures in {}", folder().display()));
    let (mut total, mut rows) = (Tally::default(), Vec::new());
    for (name, cases) in &categories {
        let mut tally = Tally::default();
        for case in cases {
            judge(case, &mut tally);
        }
        println!("agreement {name}: {tally}");
        rows.push(tally.row(name));
        total.add(&tally);
        total.disagreements.append(&mut tally.disagreements);
    }
    println!("agreement total: {total}");
    rows.push(total.row("total"));
    let elsewhere = std::env::var_os("TAILSTEWARD_POLICY_CAPTURES").is_some();
    let docs = include_str!("../../../../docs/policy.md");
    for row in rows.iter().filter(|_| !elsewhere) {
        assert!(docs.contains(row.as_str()), "docs/policy.md has not this row: {row}");
    }
    for disagreement in &total.disagreements {
        println!("disagreement {disagreement}");
    }
    let Tally { accept, error, filter, ssh, attrs, .. } = total;
    assert!(accept.is_at_least(100), "what is accepted and what is refused: {accept}");
    assert!(error.is_at_least(95), "the words of refusals: {error}");
    assert!(filter.is_at_least(99), "packet filters: {filter}");
    assert!(ssh.is_at_least(99), "rules for SSH: {ssh}");
    assert!(attrs.is_at_least(99), "attributes: {attrs}");
}
