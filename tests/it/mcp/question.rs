//! What a person is asked: all that the answer binds to, and nothing that others could have forged.

use serde_json::{Value, json};
use tailsteward::{Tailnet, tailnet::Tailnets, tailnet::devices::Device};

use crate::support::{
    changes::{is_there, own, removal, setup},
    edits::everything,
    fake_user::{Era, FakeUser, Says},
    hostile,
    tailnet::{sandbox, sandbox_of},
};

async fn asked(tailnet: &Tailnet, tool: &'static str, arguments: Value) -> String {
    let session = FakeUser::who(Says::No).at(tailnet, everything(), Era::Sessions).await;
    let refused = session.fails(tool, arguments).await;
    session.asked().pop().unwrap_or_else(|| panic!("nobody was asked: {refused}"))
}

// first-use 6: the question was `in_tailnet: true → false`.
#[tokio::test]
async fn a_device_is_recognised_by_more_than_its_name_and_the_verb_says_what_happens() {
    let (_sandbox, tailnet) = sandbox().await;
    let devices = own(&tailnet).await;
    let tagged = devices.iter().find(|it| !it.tags().is_empty() && !it.is_online()).unwrap();
    let person = devices
        .iter()
        .find(|it| it.tags().is_empty() && it.is_online() && it.key_expiry_disabled != Some(true))
        .unwrap();

    let question = asked(&tailnet, "revoke_device", removal(tagged)).await;
    let address = tagged.ipv4().unwrap();
    let os = tagged.os.as_deref().unwrap();
    let tags = tagged.tags().join(" ");
    let start =
        format!("Remove device {} ({address}, {os}, {tags}, last seen ", tagged.short_name());
    assert!(question.starts_with(&start), "{question}");
    assert!(!question.contains("in_tailnet"), "{question}");

    let expire = json!({ "device": person.key() });
    let question = asked(&tailnet, "expire_device_key", expire).await;
    let start = format!("Expire the key of device {} (", person.short_name());
    assert!(question.starts_with(&start), "{question}");
    let owner = person.user.as_deref().unwrap();
    assert!(question.contains(owner) && question.contains(", connected)"), "{question}");
}

// first-use 1: with several tailnets the question did not say which.
#[tokio::test]
async fn the_question_and_the_answer_name_the_tailnet() {
    let (_here, first) = sandbox().await;
    let (_there, second) = sandbox().await;
    let device = own(&second).await.remove(0);
    let both = vec![("acme".to_owned(), first), ("globex".to_owned(), second.clone())];
    let both = Tailnets::new(both).unwrap();
    let session = FakeUser::who(Says::Yes).at(both, setup(), Era::Sessions).await;
    let mut arguments = removal(&device);
    arguments["tailnet"] = json!("globex");

    let done = session.done("revoke_device", arguments).await;

    let question = session.asked().remove(0);
    assert!(question.contains("\nTailnet: globex\n"), "{question}");
    assert_eq!(done["tailnet"], "globex");
    assert!(!is_there(&second, &device).await);
}

fn rename(tailnet: Tailnet, id: String) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move {
        let mut update = tailsteward::tailnet::devices::Update::default();
        update.name = Some("production-db".to_owned());
        let plan = tailnet.devices().plan_update(&id, &update).await.unwrap();
        tailnet.apply(&plan).await.unwrap();
    })
}

// M2: the plan ran although the device it named had another name by then.
#[tokio::test]
async fn a_confirmation_is_void_if_anything_that_it_showed_has_changed() {
    for says in [Says::Yes, Says::CannotAsk] {
        let (_sandbox, tailnet) = sandbox().await;
        let device = own(&tailnet).await.into_iter().find(|it| !it.is_online()).unwrap();
        let (other, id) = (tailnet.clone(), device.key().to_owned());
        let person = FakeUser::who(says).meanwhile(move || rename(other.clone(), id.clone()));
        let session = person.at(&tailnet, setup(), Era::Sessions).await;

        let now = if says == Says::Yes {
            let stale = session.fails("revoke_device", removal(&device)).await;
            assert_eq!(stale["kind"], "stale", "{stale}");
            stale
        } else {
            let shown = session.done("revoke_device", removal(&device)).await;
            rename(tailnet.clone(), device.key().to_owned()).await.unwrap();
            tailnet.forget_lists();
            let mut arguments = removal(&device);
            arguments["plan_id"] = shown["plan_id"].clone();
            let again = session.done("revoke_device", arguments).await;
            assert_ne!(again["plan_id"], shown["plan_id"]);
            again
        };

        assert!(now.to_string().contains("production-db"), "the new plan is shown: {now}");
        assert!(is_there(&tailnet, &device).await, "{says:?}");
    }
}

// L15: a long list was cut off without a word. Each is named, and what is not is counted.
#[tokio::test]
async fn a_long_list_names_all_or_says_how_many_it_does_not() {
    for (many, not_listed) in [(25, false), (210, true)] {
        let (_sandbox, tailnet) = sandbox_of(260).await;
        let mut devices = own(&tailnet).await;
        devices.retain(|it| !it.tags().iter().any(|tag| tag == "tag:ci"));
        devices.truncate(many);
        let keys: Vec<&str> = devices.iter().map(Device::key).collect();
        let arguments = json!({ "devices": keys, "tags": ["tag:ci"] });

        let question = asked(&tailnet, "add_tags", arguments).await;

        let described = question.lines().filter(|line| line.starts_with("- device ")).count();
        assert_eq!(described, 20, "{question}");
        let named = devices.iter().filter(|it| question.contains(it.short_name())).count();
        assert_eq!(named, many.min(200), "{question}");
        assert_eq!(question.contains(", and 10 more, not listed"), not_listed, "{question}");
    }
}

// L1: a host name wrote lines of its own into the question.
#[tokio::test]
async fn text_of_others_writes_no_line_into_the_question() {
    let (_sandbox, tailnet) = hostile::sandbox().await;
    let device = own(&tailnet).await.into_iter().find(|it| !it.is_online()).unwrap();

    let question = asked(&tailnet, "revoke_device", removal(&device)).await;

    assert!(question.lines().all(|line| !line.starts_with(hostile::FORGED)), "{question}");
    assert_eq!(hostile::hidden(&question), None, "{question}");
}

// What happens is a verb, for a call by name too, and mail that goes out is said.
#[tokio::test]
async fn a_call_by_name_and_an_invite_say_what_happens() {
    let (_sandbox, tailnet) = sandbox().await;
    let body =
        json!({ "endpointUrl": "https://hooks.example.com/x", "subscriptions": ["nodeCreated"] });
    let call = json!({ "operation": "createWebhook", "parameters": { "body": body } });
    let question = asked(&tailnet, "call_api_operation", call).await;
    assert!(question.starts_with("Make call POST "), "{question}");
    assert!(question.contains("https://hooks.example.com/x"), "{question}");

    let question = asked(&tailnet, "invite_users", json!({ "emails": ["new@example.com"] })).await;
    assert!(question.contains("cannot be unsent"), "{question}");
}

// A profile's name is what people know a tailnet by, also where it is the only one.
#[tokio::test]
async fn a_single_tailnet_is_named_too() {
    let (_sandbox, tailnet) = sandbox().await;
    let device = own(&tailnet).await.remove(0);
    let question = asked(&tailnet.with_name("acme"), "revoke_device", removal(&device)).await;
    assert!(question.contains("\nTailnet: acme\n"), "{question}");
}
