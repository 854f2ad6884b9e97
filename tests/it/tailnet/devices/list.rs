//! Lists of devices, filtered and paged.

use jiff::SignedDuration;
use serde_json::{Value, json};
use tailsteward::{
    tailnet::devices::{Device, Filter, Order, filter::sort},
    wire::Timestamp,
};

use super::{agent, names};

/// What a filter should mean.
type Holds = Box<dyn Fn(&Device) -> bool>;

#[tokio::test]
async fn a_page_says_how_much_there_is_and_where_to_go_on() {
    let (_sandbox, _, agent) = agent().await;

    let page = agent.call("list_devices", json!({})).await;

    // first-use 12: as get_network_status and the doctor count.
    assert_eq!((&page["total"], &page["shared_in"]), (&json!(98), &json!(2)));
    assert_eq!(page["matching"], 100);
    assert_eq!(page["shown"], 30);
    assert!(page["next"].is_string());
    let text = agent.text("list_devices", json!({})).await;
    assert!(
        text.starts_with(
            r#"{"total":98,"matching":100,"shared_in":2,"shown":30,"devices":[{"name":"#
        )
    );
}

#[tokio::test]
async fn pages_put_together_are_the_whole_list() {
    let (_sandbox, _, agent) = agent().await;
    let mut seen: Vec<String> = Vec::new();
    let mut cursor = Value::Null;

    loop {
        let mut arguments = json!({ "limit": 7, "sort": "last_seen", "fields": ["nodeId"] });
        if !cursor.is_null() {
            arguments["cursor"] = cursor;
        }
        let page = agent.call("list_devices", arguments).await;
        let ids = page["devices"].as_array().unwrap().iter();
        seen.extend(ids.map(|it| it["nodeId"].as_str().unwrap().to_owned()));
        cursor = page["next"].clone();
        if cursor.is_null() {
            break;
        }
    }

    assert_eq!(seen.len(), 100);
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 100, "a device was shown twice");
}

#[tokio::test]
async fn a_cursor_of_another_list_is_refused() {
    let (_sandbox, _, agent) = agent().await;
    let next = agent.call("list_devices", json!({})).await["next"].clone();

    let other = agent.fail("list_devices", json!({ "cursor": next, "online": true })).await;
    let made_up = agent.fail("list_devices", json!({ "cursor": "page 2" })).await;

    assert_eq!(other["kind"], "invalid_input");
    assert!(other["message"].as_str().unwrap().contains("start again"), "{other}");
    assert!(made_up["message"].as_str().unwrap().contains("`cursor`"), "{made_up}");
}

#[tokio::test]
async fn a_device_that_goes_between_pages_costs_no_other_its_place() {
    let (_sandbox, tailnet, agent) = agent().await;
    let ask = |cursor: &Value| match cursor {
        Value::Null => json!({ "limit": 10, "fields": ["nodeId"], "external": false }),
        next => json!({ "limit": 10, "fields": ["nodeId"], "external": false, "cursor": next }),
    };
    let page = agent.call("list_devices", ask(&Value::Null)).await;
    let whole = json!({ "limit": 500, "fields": ["nodeId"], "external": false });
    let all = agent.call("list_devices", whole).await;
    let (last, next) = (&all["devices"][9]["nodeId"], &all["devices"][10]["nodeId"]);
    let plan = tailnet.devices().plan_delete(last.as_str().unwrap()).await.unwrap();
    tailnet.apply(&plan).await.unwrap();

    let after = agent.call("list_devices", ask(&page["next"])).await;

    assert_eq!(&after["devices"][0]["nodeId"], next);
}

#[tokio::test]
async fn a_page_that_would_be_too_heavy_ends_earlier_and_says_so() {
    let (_sandbox, _, agent) = agent().await;

    let text = agent.text("list_devices", json!({ "fields": ["all"], "limit": 500 })).await;

    let page: Value = serde_json::from_str(&text).unwrap();
    let shown = page["shown"].as_u64().unwrap();
    assert!(text.len() < 50_000, "{} bytes", text.len());
    assert!((10..100).contains(&shown), "{shown}");
    assert!(page["next"].is_string());
}

#[tokio::test]
async fn every_filter_takes_some_and_leaves_some_and_agrees_with_what_the_devices_say() {
    let (_sandbox, tailnet, agent) = agent().await;
    let all = tailnet.devices().list().await.unwrap();
    let now = jiff::Timestamp::now();
    let has = |device: &Device, tag: &str| device.tags().iter().any(|it| it == tag);
    let cases: Vec<(Value, Holds)> = vec![
        (json!({ "online": true }), Box::new(|it| it.connected_to_control == Some(true))),
        (json!({ "online": false }), Box::new(|it| it.connected_to_control != Some(true))),
        (json!({ "authorized": false }), Box::new(|it| it.authorized == Some(false))),
        (json!({ "os": "LINUX" }), Box::new(|it| it.os.as_deref() == Some("linux"))),
        (json!({ "name": "WEB" }), Box::new(|it| it.name.as_ref().unwrap().contains("web"))),
        (json!({ "external": true }), Box::new(|it| it.is_external == Some(true))),
        (json!({ "ephemeral": true }), Box::new(|it| it.is_ephemeral == Some(true))),
        (json!({ "update_available": true }), Box::new(|it| it.update_available == Some(true))),
        (json!({ "exit_node": true }), Box::new(Device::is_exit_node)),
        (json!({ "subnet_router": true }), Box::new(Device::is_subnet_router)),
        (
            json!({ "tags": ["tag:prod", "tag:web"] }),
            Box::new(move |it| has(it, "tag:prod") && has(it, "tag:web")),
        ),
        (
            json!({ "tags_any": ["tag:db", "tag:ci"] }),
            Box::new(move |it| has(it, "tag:db") || has(it, "tag:ci")),
        ),
        (
            json!({ "version_from": "1.88.0" }),
            Box::new(|it| it.version() >= Some("1.88".parse().unwrap())),
        ),
        (
            json!({ "version_below": "1.88" }),
            Box::new(|it| it.version().is_some_and(|it| it < "1.88.0".parse().unwrap())),
        ),
        (
            json!({ "silent_for": "7d" }),
            Box::new(move |it| {
                it.last_seen.as_ref().and_then(Timestamp::instant).is_some_and(|then| {
                    it.connected_to_control != Some(true)
                        && now.duration_since(then) >= SignedDuration::from_hours(7 * 24)
                })
            }),
        ),
        (
            json!({ "key_expires_within": "30d" }),
            Box::new(move |it| {
                it.key_expiry_disabled != Some(true)
                    && it.expires.as_ref().and_then(Timestamp::instant).is_some_and(|then| {
                        then.duration_since(now) <= SignedDuration::from_hours(30 * 24)
                    })
            }),
        ),
    ];

    for (arguments, holds) in cases {
        let expected = all.iter().filter(|it| holds(it)).count();
        let page = agent.call("list_devices", arguments.clone()).await;
        assert_eq!(page["matching"], expected, "{arguments}");
        assert!(expected > 0 && expected < 100, "{arguments} proves nothing: {expected}");
    }
}

#[tokio::test]
async fn a_user_is_found_by_part_of_the_login_name() {
    let (_sandbox, tailnet, agent) = agent().await;
    let all = tailnet.devices().list().await.unwrap();
    let user = all.iter().find(|it| it.tags().is_empty() && !it.is_shared_in()).unwrap();
    let user = user.user.clone().unwrap();

    let page = agent.call("list_devices", json!({ "user": user.to_uppercase() })).await;

    assert!(page["matching"].as_u64().unwrap() > 0);
    assert!(page["devices"].as_array().unwrap().iter().all(|it| it["user"] == user.as_str()));
}

#[tokio::test]
async fn every_order_sorts_and_reverses() {
    let (_sandbox, tailnet, agent) = agent().await;

    let up = agent.call("list_devices", json!({ "limit": 500 })).await;
    let down = agent.call("list_devices", json!({ "limit": 500, "descending": true })).await;

    let mut sorted = names(&up);
    sorted.sort_unstable();
    assert_eq!(names(&up), sorted);
    sorted.reverse();
    assert_eq!(names(&down), sorted);

    let all = tailnet.devices().list().await.unwrap();
    let now = jiff::Timestamp::now();
    for order in
        [Order::LastSeen, Order::Created, Order::KeyExpiry, Order::Os, Order::User, Order::Version]
    {
        let mut devices: Vec<&Device> = all.iter().collect();
        sort(&mut devices, order, false, now);
        let key = |it: &&Device| match order {
            Order::LastSeen => it.seen(now).map(|it| it.to_string()),
            Order::Created => {
                it.created.as_ref().and_then(Timestamp::instant).map(|it| it.to_string())
            }
            Order::Os => it.os.clone().map(|it| it.to_lowercase()),
            Order::User => it.user.clone(),
            Order::Version => {
                it.version().map(|it| format!("{it:?}").len().to_string() + &it.to_string())
            }
            _ => it
                .expires
                .as_ref()
                .filter(|_| it.key_expiry_disabled != Some(true))
                .map(ToString::to_string),
        };
        let keys: Vec<_> = devices.iter().map(key).collect();
        let known = keys.iter().take_while(|it| it.is_some()).count();
        assert!(known > 1, "{order:?}");
        assert!(keys[..known].is_sorted(), "{order:?}: {keys:?}");
        assert!(keys[known..].iter().all(Option::is_none), "{order:?}: the unknown come last");
        sort(&mut devices, order, true, now);
        assert!(key(&devices[0]).is_some(), "{order:?} reversed: the unknown come last too");
    }
}

#[tokio::test]
async fn chosen_fields_come_under_the_names_of_the_api() {
    let (_sandbox, _, agent) = agent().await;

    let page = agent.call("list_devices", json!({ "fields": ["nodeId", "clientVersion"] })).await;
    let wrong = agent.fail("list_devices", json!({ "fields": ["node_id"] })).await;

    let row = page["devices"][0].as_object().unwrap();
    assert_eq!(row.keys().collect::<Vec<_>>(), ["clientVersion", "name", "nodeId"]);
    assert!(wrong["message"].as_str().unwrap().contains("nodeId"), "{wrong}");
}

#[tokio::test]
async fn wrong_arguments_are_refused_by_name_before_anything_is_sent() {
    let (sandbox, _, agent) = agent().await;
    let cases = [
        (json!({ "limit": 0 }), "`limit`"),
        (json!({ "limit": 501 }), "`limit`"),
        (json!({ "limit": "many" }), "`limit`"),
        (json!({ "silent_for": "long" }), "`silent_for`"),
        (json!({ "silent_for": "-3d" }), "`silent_for`"),
        (json!({ "key_expires_within": "7 fortnights" }), "`key_expires_within`"),
        (json!({ "version_below": "new" }), "`version_below`"),
        (json!({ "sort": "colour" }), "`sort`"),
        (json!({ "onlin": true }), "onlin"),
    ];

    for (arguments, word) in cases {
        let failure = agent.fail("list_devices", arguments.clone()).await;
        assert_eq!(failure["kind"], "invalid_input", "{arguments}");
        assert!(failure["message"].as_str().unwrap().contains(word), "{arguments}: {failure}");
    }
    assert!(sandbox.requests().is_empty(), "{:?}", sandbox.requests());
}

#[test]
fn the_default_filter_takes_an_empty_record() {
    assert!(Filter::default().takes(&Device::default(), jiff::Timestamp::now()));
}

// first-use 5: words that people use found nothing, and an assistant said that there is none.
#[tokio::test]
async fn filters_know_the_words_people_use_and_refuse_what_no_device_has() {
    let (_sandbox, _, agent) = agent().await;
    let matching =
        async |filter: Value| agent.call("list_devices", filter).await["matching"].clone();

    let macs = matching(json!({ "os": "macOS" })).await;
    assert_ne!(macs, 0);
    for word in ["mac", "Darwin", "osx"] {
        assert_eq!(matching(json!({ "os": word })).await, macs, "{word}");
    }
    assert_eq!(matching(json!({ "os": "win" })).await, matching(json!({ "os": "windows" })).await);
    assert_eq!(
        matching(json!({ "tags": ["web"] })).await,
        matching(json!({ "tags": ["tag:web"] })).await
    );
    assert_eq!(matching(json!({ "os": "freebsd" })).await, 0, "it is one, and there is none");
    for (filter, field, there) in [
        (json!({ "os": "beos" }), "`os`", "linux"),
        (json!({ "user": "nobody.here" }), "`user`", "@example.com"),
        (json!({ "tags": ["tag:wbe"] }), "`tags`", "tag:web"),
    ] {
        let refused = agent.fail("list_devices", filter).await;
        let message = refused["message"].as_str().unwrap();
        assert!(message.contains(field) && message.contains(there), "{message}");
    }
}

// first-use 11 and 16: what is filtered or sorted by is in the rows, and audits have their filters.
#[tokio::test]
async fn rows_show_what_the_list_is_filtered_or_sorted_by() {
    let (_sandbox, tailnet, agent) = agent().await;
    let first =
        async |filter: Value| agent.call("list_devices", filter).await["devices"][0].clone();
    let plain = first(json!({})).await;
    for column in ["version", "joined", "key_expires"] {
        assert!(plain.get(column).is_none(), "{plain}");
    }
    for (filter, column) in [
        (json!({ "version_below": "99.0" }), "version"),
        (json!({ "sort": "version" }), "version"),
        (json!({ "sort": "created" }), "joined"),
        (json!({ "joined_within": "9000d" }), "joined"),
        (json!({ "key_expires_within": "9000d" }), "key_expires"),
        (json!({ "key_expiry_disabled": true }), "key_expires"),
    ] {
        assert!(first(filter.clone()).await[column].is_string(), "{filter}");
    }
    let list = tailnet.devices().list().await.unwrap();
    let count = |holds: &dyn Fn(&Device) -> bool| list.iter().filter(|it| holds(it)).count();
    let hard = |device: &Device| {
        device.connectivity().and_then(|it| it.mapping_varies_by_dest_ip) == Some(true)
    };
    for (filter, holds) in [
        (
            json!({ "tagged": true }),
            &(|it: &Device| !it.tags().is_empty()) as &dyn Fn(&Device) -> bool,
        ),
        (json!({ "tagged": false }), &|it: &Device| it.tags().is_empty()),
        (json!({ "key_expiry_disabled": true }), &|it: &Device| {
            it.key_expiry_disabled == Some(true)
        }),
        (json!({ "hard_nat": true }), &hard),
    ] {
        let page = agent.call("list_devices", filter.clone()).await;
        assert_eq!(page["matching"], count(holds), "{filter}");
        assert_ne!(page["matching"], 0, "{filter}");
    }
}
