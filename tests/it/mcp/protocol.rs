//! The rest of the protocol: resources, prompts, completion, subscriptions, and who we are.

use rmcp::model::{
    ClientCapabilities, ClientConfig, GetPromptRequestParams, Implementation,
    ReadResourceRequestParams, ReadResourceResult, ResourceContents, SubscribeRequestParams,
    SubscriptionFilter,
};
use serde_json::{Value, json};
use tailsteward::{
    catalogue::{Offer, Selectors, ToolSelection},
    mcp::{Server, Setup},
    tailnet::Tailnets,
    tool::Risk,
};

use crate::support::changes::{own, setup};
use crate::support::{
    fake_user::{Era, FakeUser, Says, Session},
    tailnet::{sandbox, sandbox_of},
};

fn text(read: &ReadResourceResult) -> &str {
    let ResourceContents::TextResourceContents { text, .. } = &read.contents[0] else { panic!() };
    text
}

async fn read(session: &Session, uri: &str) -> ReadResourceResult {
    session.client.read_resource(ReadResourceRequestParams::new(uri)).await.unwrap()
}

#[tokio::test]
async fn resources_are_what_the_tools_answer() {
    for era in [Era::Sessions, Era::Stateless] {
        let (_sandbox, tailnet) = sandbox().await;
        let device = own(&tailnet).await.into_iter().find(|it| !it.tags().is_empty()).unwrap();
        let session = FakeUser::who(Says::Yes).at(&tailnet, setup(), era).await;
        session
            .done("update_device", json!({ "device": device.key(), "name": "resourceful" }))
            .await;

        let listed = session.client.list_all_resources().await.unwrap();
        let uris: Vec<&str> = listed.iter().map(|it| it.uri.as_str()).collect();
        assert_eq!(uris, ["tailnet://devices", "tailnet://policy", "tailnet://changes"]);
        let templates = session.client.list_all_resource_templates().await.unwrap();
        assert_eq!(templates[0].uri_template, "tailnet://device/{device}");

        let devices: Value = serde_json::from_str(text(&read(&session, uris[0]).await)).unwrap();
        assert_eq!(devices["total"], 98);
        let policy = read(&session, "tailnet://policy").await;
        assert_eq!(text(&policy), tailnet.policy_file().get().await.unwrap().text);
        let changes: Value = serde_json::from_str(text(&read(&session, uris[2]).await)).unwrap();
        assert_eq!(changes["total"], 1);
        let one = read(&session, &format!("tailnet://device/{}", device.key())).await;
        let one: Value = serde_json::from_str(text(&one)).unwrap();
        assert_eq!(one["nodeId"], device.key());
        let change = read(&session, "tailnet://change/1").await;
        assert!(text(&change).contains("resourceful"));
        for gone in [
            "tailnet://device/nope",
            "tailnet://nothing",
            "tailnet://change/x",
            "file:///etc/passwd",
        ] {
            let error = session.client.read_resource(ReadResourceRequestParams::new(gone)).await;
            let error = error.unwrap_err().to_string();
            let code = if era == Era::Sessions { "-32002" } else { "-32602" };
            assert!(error.contains(code), "{gone}: {error}");
        }
        // Clients of before do not know how long an answer may be kept.
        assert_eq!(policy.ttl_ms.is_some(), era == Era::Stateless);
    }
}

#[tokio::test]
async fn what_is_not_offered_as_a_tool_is_no_resource_either() {
    let (_sandbox, tailnet) = sandbox().await;
    let mut setup = Setup::new(Risk::Read).unwrap();
    let words = {
        let mut words = tailsteward::catalogue::Selectors::default();
        words.toolsets = vec!["changes".to_owned()];
        words
    };
    setup.offer =
        setup.offer.narrowed(tailsteward::catalogue::ToolSelection::read(&words).unwrap());
    let session = FakeUser::who(Says::Yes).at(&tailnet, setup, Era::Sessions).await;

    let listed = session.client.list_all_resources().await.unwrap();

    assert_eq!(listed.len(), 1);
    let error =
        session.client.read_resource(ReadResourceRequestParams::new("tailnet://policy")).await;
    assert!(error.is_err());
}

#[tokio::test]
async fn prompts_are_filled_in_and_wrong_arguments_named() {
    let (_sandbox, tailnet) = sandbox().await;
    let session = FakeUser::who(Says::Yes).at(&tailnet, setup(), Era::Sessions).await;
    let prompts = session.client.list_all_prompts().await.unwrap();
    assert_eq!(prompts.len(), 5);
    let get = async |name: &str, arguments: Value| {
        let arguments = arguments.as_object().unwrap().clone();
        let request = GetPromptRequestParams::new(name).with_arguments(arguments);
        session.client.get_prompt(request).await
    };

    let why = get("why_no_connection", json!({ "from": "laptop-7", "to": "db-1" })).await.unwrap();
    let words = serde_json::to_string(&why.messages).unwrap();
    assert!(words.contains("laptop-7") && words.contains("db-1"), "{words}");
    for prompt in &prompts {
        let arguments = prompt.arguments.iter().flatten();
        let given = arguments.map(|it| {
            let is_number = matches!(it.name.as_str(), "days" | "hours");
            (it.name.clone(), json!(if is_number { "77" } else { "given" }))
        });
        let given = given.collect();
        let filled = get(&prompt.name, Value::Object(given)).await.unwrap();
        let words = serde_json::to_string(&filled.messages).unwrap();
        for argument in prompt.arguments.iter().flatten() {
            assert!(!words.contains(&format!("{{{}}}", argument.name)), "{words}");
        }
        assert!(words.contains("given") || words.contains("77"), "{words}");
    }
    for (name, arguments, word) in [
        ("why_no_connection", json!({ "from": "a" }), "`to` is required"),
        ("why_no_connection", json!({ "from": "a", "to": "b", "via": "c" }), "no argument `via`"),
        // first-use 14: arguments were not checked.
        ("clean_up_stale_devices", json!({ "days": "web-01" }), "must be a number"),
        ("nothing", json!({}), "why_no_connection"),
    ] {
        let error = get(name, arguments).await.unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    }
}

#[tokio::test]
async fn names_are_completed_while_somebody_types() {
    let (_sandbox, tailnet) = sandbox().await;
    let session = FakeUser::who(Says::Yes).at(&tailnet, setup(), Era::Sessions).await;

    let devices =
        session.client.complete_resource_simple("tailnet://device/{device}", "device", "web");
    let devices = devices.await.unwrap();
    let tags = session.client.complete_prompt_simple("review_policy_change", "change", "tag:d");
    let tags = tags.await.unwrap();
    let nothing = session.client.complete_prompt_simple("nope", "x", "y").await.unwrap();

    assert!(devices.len() > 1 && devices[0].starts_with("web"), "{devices:?}");
    assert!(tags.contains(&"tag:db".to_owned()), "{tags:?}");
    assert!(nothing.is_empty());
}

#[tokio::test]
async fn a_session_hears_of_what_it_watches_until_it_does_not_want_to() {
    let (_sandbox, tailnet) = sandbox().await;
    let device = own(&tailnet).await.into_iter().find(|it| !it.tags().is_empty()).unwrap();
    let session = FakeUser::who(Says::Yes).at(&tailnet, setup(), Era::Sessions).await;
    let uri = format!("tailnet://device/{}", device.key());
    #[allow(deprecated, reason = "sessions of 2025 subscribe this way")]
    let subscribed = session.client.subscribe(SubscribeRequestParams::new(uri.clone())).await;
    subscribed.unwrap();
    for more in 0..100 {
        let uri = format!("tailnet://device/{more}");
        #[allow(deprecated, reason = "sessions of 2025 subscribe this way")]
        let subscribed = session.client.subscribe(SubscribeRequestParams::new(uri)).await;
        assert_eq!(subscribed.is_err(), more == 99, "a session can subscribe to 100 at most");
    }

    session.done("update_device", json!({ "device": device.key(), "name": "watched" })).await;

    while session.person.updated.lock().unwrap().is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(*session.person.updated.lock().unwrap(), [uri]);
}

#[tokio::test]
async fn a_stream_of_2026_hears_the_same() {
    let (_sandbox, tailnet) = sandbox().await;
    let device = own(&tailnet).await.into_iter().find(|it| !it.tags().is_empty()).unwrap();
    let session = FakeUser::who(Says::Yes).at(&tailnet, setup(), Era::Stateless).await;
    let wanted = vec!["tailnet://changes".to_owned(), "tailnet://nothing".to_owned()];
    let filter = SubscriptionFilter::builder().resource_subscriptions(wanted).build();
    let mut stream = session.client.listen(filter).await.unwrap();

    session.done("update_device", json!({ "device": device.key(), "name": "heard" })).await;

    let news =
        tokio::time::timeout(std::time::Duration::from_secs(5), stream.next()).await.unwrap();
    assert!(format!("{news:?}").contains("tailnet://changes"), "{news:?}");
}

#[tokio::test]
async fn the_server_says_who_it_is() {
    let (_sandbox, tailnet) = sandbox().await;
    for era in [Era::Sessions, Era::Stateless] {
        let session = FakeUser::who(Says::Yes).at(&tailnet, setup(), era).await;
        let info = session.client.peer_info().unwrap();
        let server = serde_json::to_value(&info.server_info).unwrap();
        assert_eq!(
            (&server["name"], &server["title"]),
            (&json!("tailsteward"), &json!("Tailsteward: Tailscale MCP server"))
        );
        assert!(server["icons"][0]["src"].as_str().unwrap().starts_with("data:image/svg+xml"));
        assert!(server["websiteUrl"].is_null(), "no URL that is not ours");
        assert!(server["description"].as_str().unwrap().contains("Tailscale MCP server"));
        assert!(info.instructions.as_ref().unwrap().contains("undo_change"));
    }
}

// H4: subscriptions held what a client sent, megabytes each.
#[tokio::test]
async fn what_is_too_long_to_be_an_address_is_not_kept() {
    let (_sandbox, tailnet) = sandbox().await;
    let session = FakeUser::who(Says::Yes).at(&tailnet, setup(), Era::Sessions).await;
    for number in 0..150 {
        let uri = format!("tailnet://device/{number}{}", "x".repeat(10_000));
        #[allow(deprecated, reason = "sessions of 2025 subscribe this way")]
        let subscribed = session.client.subscribe(SubscribeRequestParams::new(uri)).await;
        assert!(subscribed.is_ok(), "it would count as the hundred and first");
    }
}

// H4: the name of a client is kept as long as its session.
#[tokio::test]
async fn a_client_that_says_too_much_of_itself_is_refused() {
    let (_sandbox, tailnet) = sandbox().await;
    for (length, fits) in [(1_000, true), (40_000, false)] {
        let (here, there) = tokio::io::duplex(1 << 16);
        let server = Server::new(tailnet.clone(), setup());
        tokio::spawn(async move {
            if let Ok(server) = Box::pin(rmcp::ServiceExt::serve(server, there)).await {
                let _ = server.waiting().await;
            }
        });
        let client = Implementation::new("x".repeat(length), "1");
        let client = ClientConfig::new(ClientCapabilities::default(), client);
        let begun = rmcp::ServiceExt::serve(client, here).await;
        assert_eq!(begun.is_ok(), fits, "{length}");
    }
}

// L5: a caller who may not read a resource heard of its changes.
#[tokio::test]
async fn nobody_hears_of_what_they_may_not_read() {
    for (toolsets, hears) in [(vec!["dns"], false), (vec!["dns", "changes"], true)] {
        let (_sandbox, tailnet) = sandbox().await;
        let mut selectors = Selectors::default();
        selectors.toolsets = toolsets.into_iter().map(str::to_owned).collect();
        let mut setup = setup();
        let selection = ToolSelection::read(&selectors).unwrap();
        setup.offer = Offer::new(Risk::Danger, selection, Vec::new());
        let session = FakeUser::who(Says::Yes).at(&tailnet, setup, Era::Sessions).await;
        let uri = "tailnet://changes".to_owned();
        #[allow(deprecated, reason = "sessions of 2025 subscribe this way")]
        session.client.subscribe(SubscribeRequestParams::new(uri)).await.unwrap();

        session.done("set_search_paths", json!({ "search_paths": ["heard.example.com"] })).await;
        // A second answer comes after the notifications of the first.
        session.done("get_dns_status", json!({})).await;

        let heard = async {
            while session.person.updated.lock().unwrap().is_empty() {
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
        };
        let heard = tokio::time::timeout(std::time::Duration::from_millis(700), heard).await;
        assert_eq!(heard.is_ok(), hears);
    }
}

/// News of one tailnet are not those of another.
#[tokio::test]
async fn a_subscription_is_for_the_tailnet_that_it_names() {
    for (tailnet, told) in [
        ("globex", vec!["tailnet://globex/changes"]),
        ("acme", vec!["tailnet://acme/changes", "tailnet://changes"]),
    ] {
        let (_here, first) = sandbox().await;
        let (_there, second) = sandbox().await;
        let both = vec![("acme".to_owned(), first), ("globex".to_owned(), second)];
        let both = Tailnets::new(both).unwrap();
        let mut selectors = Selectors::default();
        selectors.toolsets = vec!["dns".to_owned(), "changes".to_owned()];
        let mut setup = setup();
        let selection = ToolSelection::read(&selectors).unwrap();
        setup.offer = Offer::new(Risk::Danger, selection, Vec::new());
        let session = FakeUser::who(Says::Yes).at(both, setup, Era::Sessions).await;
        for uri in ["tailnet://changes", "tailnet://acme/changes", "tailnet://globex/changes"] {
            #[allow(deprecated, reason = "sessions of 2025 subscribe this way")]
            session.client.subscribe(SubscribeRequestParams::new(uri)).await.unwrap();
        }

        let search = json!({ "search_paths": ["heard.example.com"], "tailnet": tailnet });
        session.done("set_search_paths", search).await;
        while session.person.updated.lock().unwrap().len() < told.len() {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        let other = if tailnet == "acme" { "globex" } else { "acme" };
        let search = json!({ "search_paths": ["again.example.com"], "tailnet": other });
        let mut heard = session.person.updated.lock().unwrap().clone();
        heard.sort();
        assert_eq!(heard, told);
        session.done("set_search_paths", search).await;
        while session.person.updated.lock().unwrap().len() < 3 {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        // An answer comes after the notifications of what was before it: each was told once.
        session.done("get_dns_status", json!({})).await;
        let mut heard = session.person.updated.lock().unwrap().clone();
        heard.sort();
        let all = ["tailnet://acme/changes", "tailnet://changes", "tailnet://globex/changes"];
        assert_eq!(heard, all);
    }
}

/// first-use 17, first-use 31: there are resources for DNS, users and routes, and those of each tailnet.
#[tokio::test]
async fn the_resources_of_every_tailnet_are_read_by_its_name() {
    let (_here, first) = sandbox_of(30).await;
    let (_there, second) = sandbox_of(20).await;
    let both = vec![("acme".to_owned(), first), ("globex".to_owned(), second)];
    let mut selectors = Selectors::default();
    selectors.toolsets = vec!["all".to_owned()];
    let mut setup = setup();
    setup.offer = Offer::new(Risk::Danger, ToolSelection::read(&selectors).unwrap(), Vec::new());
    let both = Tailnets::new(both).unwrap();
    let session = FakeUser::who(Says::Yes).at(both, setup, Era::Stateless).await;
    let read = async |uri: &str| {
        let request = ReadResourceRequestParams::new(uri);
        let read = session.client.read_resource(request).await?;
        Ok::<_, rmcp::ServiceError>(format!("{:?}", read.contents))
    };

    for uri in ["tailnet://dns", "tailnet://users", "tailnet://routes", "tailnet://globex/policy"] {
        assert!(!read(uri).await.unwrap().is_empty(), "{uri}");
    }
    let plain = read("tailnet://devices").await.unwrap();
    let named = read("tailnet://acme/devices").await.unwrap();
    let other = read("tailnet://globex/devices").await.unwrap();
    assert_eq!(plain, named.replace("acme/", ""));
    assert_ne!(plain, other.replace("globex/", ""));
    assert!(read("tailnet://nobody/devices").await.is_err());
    let templates = session.client.list_all_resource_templates().await.unwrap();
    assert!(templates.iter().any(|it| it.uri_template == "tailnet://{tailnet}/{resource}"));
    assert_eq!(templates.len(), 11, "{templates:?}");
}
