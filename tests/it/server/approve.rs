//! The page on which plans are approved: who may, from where, how often, and that nothing on it is more than text.

use std::sync::Arc;

use reqwest::{Client, RequestBuilder, Response, redirect::Policy};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use tailsteward::{
    Tailnet,
    change::{ApprovalState, store::Store},
    guard::{Approvals, ConfirmMode},
    mcp::{Server, Setup},
    sandbox::Sandbox,
};

use crate::support::{
    changes::{approvals, is_there, own, person, removal, setup_in, with_plan},
    hostile,
    http::Served,
    loopback,
    tailnet::sandbox_of,
};

/// A server with a page, and a plan that waits.
struct Desk {
    _sandbox: Sandbox,
    tailnet: Tailnet,
    served: Served,
    client: Client,
    token: String,
    setup: Setup,
    plan: String,
    call: Value,
    /// The cookie of the browser.
    cookie: Option<String>,
}

impl Desk {
    async fn new() -> Self {
        Self::with(setup_in(ConfirmMode::Person), |_| {}).await
    }

    async fn with(setup: Setup, change: impl FnOnce(&mut tailsteward::server::Options)) -> Self {
        Self::at(sandbox_of(10).await, setup, change).await
    }

    async fn at(
        (sandbox, tailnet): (Sandbox, Tailnet),
        setup: Setup,
        change: impl FnOnce(&mut tailsteward::server::Options),
    ) -> Self {
        let product = Server::new(tailnet.clone(), setup.clone());
        let desk = product.approvals();
        let (served, token) = Served::serve(product, false, |options| {
            options.approvals = Some(desk);
            change(options);
        })
        .await;
        let device = own(&tailnet).await.remove(0);
        let call = removal(&device);
        let mut it = Self {
            _sandbox: sandbox,
            tailnet,
            served,
            client: loopback::builder().redirect(Policy::none()).build().unwrap(),
            token,
            setup,
            plan: String::new(),
            call,
            cookie: None,
        };
        let shown = it.tool(&it.call).await;
        shown["plan_id"].as_str().unwrap().clone_into(&mut it.plan);
        it
    }

    /// What the tool answers a client without forms.
    async fn tool(&self, arguments: &Value) -> Value {
        let call = self.served.call("revoke_device", arguments).bearer_auth(&self.token);
        let answer: Value =
            serde_json::from_str(&call.send().await.unwrap().text().await.unwrap()).unwrap();
        serde_json::from_str(answer["result"]["content"][0]["text"].as_str().unwrap()).unwrap()
    }

    fn desk(&self) -> Approvals {
        approvals(&self.setup)
    }

    async fn code(&self) -> String {
        let code = self.desk().new_code(&self.plan, &person("ann")).await.unwrap();
        code.expose_secret().to_owned()
    }

    fn with_cookie(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.cookie {
            Some(cookie) => request.header("cookie", format!("other=1; {cookie}")),
            None => request,
        }
    }

    async fn kept(&mut self, response: Response) -> (u16, String) {
        if let Some(set) = response.headers().get("set-cookie") {
            let set = set.to_str().unwrap();
            assert!(set.contains("; HttpOnly; SameSite=Strict"), "{set}");
            assert!(set.contains(&format!("; Path=/approve/{};", self.plan)), "{set}");
            self.cookie = set.split(';').next().map(str::to_owned);
        }
        (response.status().as_u16(), response.text().await.unwrap())
    }

    async fn open(&mut self) -> (u16, String) {
        let page = self.with_cookie(self.served.get(&format!("/approve/{}", self.plan)));
        let response = page.send().await.unwrap();
        let policy = response.headers()["content-security-policy"].to_str().unwrap().to_owned();
        for part in [
            "default-src 'none'",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        ] {
            assert!(policy.contains(part) && !policy.contains("script-src"), "{policy}");
        }
        for (name, value) in [
            ("x-frame-options", "DENY"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "same-origin"),
            ("cache-control", "no-store"),
        ] {
            assert_eq!(response.headers()[name], value);
        }
        self.kept(response).await
    }

    /// A form as a browser sends it.
    fn form(&self, fields: &[(&str, &str)]) -> RequestBuilder {
        let body: String =
            url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let origin = format!("http://{}", self.served.address);
        let request = self.client.post(self.served.url(&format!("/approve/{}", self.plan)));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        self.with_cookie(request.header("origin", origin)).body(body)
    }

    async fn send(&mut self, fields: &[(&str, &str)]) -> (u16, String) {
        let response = self.form(fields).send().await.unwrap();
        self.kept(response).await
    }

    /// A browser in which the code was typed, with the token of its forms.
    async fn logged_in(&mut self) -> String {
        let (_, page) = self.open().await;
        let (token, code) = (hidden(&page), self.code().await);
        let (status, _) = self.send(&[("token", &token), ("code", &code)]).await;
        assert_eq!(status, 303);
        let (_, page) = self.open().await;
        assert!(page.contains("Approve this plan"), "{page}");
        hidden(&page)
    }

    async fn state(&self) -> ApprovalState {
        self.desk().get(&self.plan).await.unwrap().state
    }
}

/// The token in a page.
fn hidden(page: &str) -> String {
    let (_, rest) = page.split_once("name=\"token\" value=\"").unwrap();
    rest.split_once('"').unwrap().0.to_owned()
}

#[tokio::test]
async fn a_person_with_a_code_sees_the_plan_and_approves_it() {
    let mut desk = Desk::new().await;
    let (status, page) = desk.open().await;
    assert_eq!(status, 200);
    assert!(page.contains(&format!("tailsteward approve {} --code", desk.plan)), "{page}");
    assert!(!page.contains("Remove"), "the plan is shown to nobody who is not identified: {page}");
    let before = desk.cookie.clone();

    let token = desk.logged_in().await;
    assert_ne!(desk.cookie, before, "a session is not that of before");
    let (_, page) = desk.open().await;
    assert!(page.contains("Remove device") && page.contains("<b>ann</b>"), "{page}");
    let (status, _) = desk.send(&[("token", &token), ("decision", "approve")]).await;
    assert_eq!(status, 303);
    let (_, page) = desk.open().await;
    assert!(page.contains("is approved"), "{page}");

    let done = desk.tool(&with_plan(desk.call.clone(), &json!({ "plan_id": desk.plan }))).await;
    assert_eq!((&done["applied"], &done["confirmed"]), (&json!(true), &json!("approved by ann")));
    let (status, page) = desk.send(&[("token", &token), ("decision", "refuse")]).await;
    assert_eq!(status, 409, "{page}");
    assert_eq!(desk.state().await, ApprovalState::Used);
}

#[tokio::test]
async fn a_form_from_elsewhere_decides_nothing() {
    let mut desk = Desk::new().await;
    let token = desk.logged_in().await;
    let decision = [("token", token.as_str()), ("decision", "approve")];
    let own = format!("http://{}", desk.served.address);
    let port = desk.served.address.port();

    for origin in [
        "https://evil.example".to_owned(),
        "null".to_owned(),
        // Another page of this machine.
        "http://localhost:3000".to_owned(),
        format!("http://localhost:{port}"),
        format!("{own}.evil.example"),
        format!("ftp://127.0.0.1:{port}"),
    ] {
        let mut request = desk.form(&decision).build().unwrap();
        request.headers_mut().insert("origin", origin.parse().unwrap());
        let response = desk.client.execute(request).await.unwrap();
        assert_eq!(response.status(), 403, "{origin}");
    }
    let mut request = desk.form(&decision).build().unwrap();
    request.headers_mut().remove("origin");
    let response = desk.client.execute(request).await.unwrap();
    assert_eq!(response.status(), 403, "no origin");
    let page = response.text().await.unwrap();
    assert!(page.contains("Open the link again in a browser"), "{page}");
    let request = desk.form(&decision).header("sec-fetch-site", "cross-site");
    assert_eq!(request.send().await.unwrap().status(), 403, "another site");
    let request = desk.form(&decision).header("host", "evil.example");
    assert_eq!(request.send().await.unwrap().status(), 403, "another host");
    for token in ["", "wrong", &token[1..]] {
        let (status, _) = desk.send(&[("token", token), ("decision", "approve")]).await;
        assert_eq!(status, 403, "the token {token:?}");
    }
    let (status, _) = desk.send(&[("decision", "approve")]).await;
    assert_eq!(status, 403, "no token");
    let cookie = desk.cookie.take();
    let (status, _) = desk.send(&decision).await;
    assert_eq!(status, 403, "no cookie");
    desk.cookie = cookie;
    for odd in ["", "APPROVE", "yes"] {
        let (status, _) = desk.send(&[("token", &token), ("decision", odd)]).await;
        assert_eq!(status, 400, "{odd:?}");
    }
    let long = "x".repeat(5_000);
    let (status, _) = desk.send(&[("token", &token), ("decision", &long)]).await;
    assert_eq!(status, 413);
    assert_eq!(desk.state().await, ApprovalState::Waiting);

    assert_eq!(desk.send(&decision).await.0, 303);
    assert_eq!(desk.state().await, ApprovalState::Approved);
}

#[tokio::test]
async fn a_code_is_for_one_plan_and_once_and_dies_after_five_wrong_ones() {
    let mut desk = Desk::new().await;
    let (_, page) = desk.open().await;
    let (token, code) = (hidden(&page), desk.code().await);
    // Without a session, nobody decides.
    let (status, _) = desk.send(&[("token", &token), ("decision", "approve")]).await;
    assert_eq!(status, 403);
    let elsewhere = desk.desk().log_in("abcdefgh", &code).await.unwrap();
    assert!(elsewhere.is_none(), "the code of another plan");
    // Typed as it is printed, with a hyphen and in any case.
    let typed = format!("{}-{}", &code[..5], &code[5..]).to_uppercase();
    assert!(desk.desk().log_in(&desk.plan, &typed).await.unwrap().is_some());
    assert!(desk.desk().log_in(&desk.plan, &code).await.unwrap().is_none(), "once");

    let code = desk.code().await;
    for _ in 0..5 {
        assert!(desk.desk().log_in(&desk.plan, "wrongwrong").await.unwrap().is_none());
    }
    assert!(desk.desk().log_in(&desk.plan, &code).await.unwrap().is_none(), "it is dead");
    let (status, page) = desk.send(&[("token", &token), ("code", &code)]).await;
    assert_eq!(status, 403);
    assert!(page.contains("not valid"), "{page}");
    // Too many in a moment are not even looked at.
    let mut limited = false;
    for _ in 0..4 {
        limited |= desk.send(&[("token", &token), ("code", "wrong")]).await.0 == 429;
    }
    assert!(limited);
    assert_eq!(desk.state().await, ApprovalState::Waiting);
    desk.setup.store.flush().await;
    let audited = desk.setup.store.audited("approve plan").await.unwrap();
    assert!(audited.iter().any(|it| it.1 == "wrong_code" && it.2 >= 5), "{audited:?}");
    assert!(is_there(&desk.tailnet, &own(&desk.tailnet).await[0]).await);
}

#[tokio::test]
async fn a_plan_that_has_expired_is_shown_and_not_decided() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let mut setup = setup_in(ConfirmMode::Person);
    setup.store = Arc::new(Store::new(path.to_str().unwrap().parse().unwrap()));
    let mut desk = Desk::with(setup, |_| {}).await;
    let token = desk.logged_in().await;
    let database =
        sqlx::SqlitePool::connect(&format!("sqlite://{}", path.display())).await.unwrap();
    sqlx::query("UPDATE approvals SET until = 1").execute(&database).await.unwrap();

    let (status, page) = desk.send(&[("token", &token), ("decision", "approve")]).await;
    assert_eq!(status, 409);
    assert!(page.contains("has expired"), "{page}");
    let (_, page) = desk.open().await;
    assert!(page.contains("has expired") && !page.contains("<button"), "{page}");
    assert!(desk.desk().new_code(&desk.plan, &person("ann")).await.is_err());
    // Sessions end, too.
    sqlx::query("UPDATE approval_codes SET until = 1").execute(&database).await.unwrap();
    let (_, page) = desk.open().await;
    assert!(page.contains("name=\"code\""), "{page}");
}

#[tokio::test]
async fn what_others_wrote_is_text_on_the_page() {
    let (sandbox, tailnet) = hostile::sandbox().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    sandbox.save(&path).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    let markup = "<img src=x onerror=alert(1)></pre><script>alert(2)</script>";
    std::fs::write(&path, text.replace("\"macOS", &format!("\"{markup}macOS"))).unwrap();
    sandbox.load(&path).unwrap();
    tailnet.forget_lists();
    let mut desk = Desk::at((sandbox, tailnet), setup_in(ConfirmMode::Person), |_| {}).await;

    desk.logged_in().await;

    let (_, page) = desk.open().await;
    let (_, question) = page.split_once("class=\"question\">").unwrap();
    let (question, _) = question.split_once("</pre>").unwrap();
    assert!(question.contains("&lt;img src=x onerror=alert(1)&gt;"), "{question}");
    assert!(question.contains("\\u{202e}") && question.contains(hostile::FORGED), "{question}");
    assert!(!page.contains("<img") && !page.contains("<script"), "{page}");
    assert_eq!(hostile::hidden(&page), None);
    assert!(question.lines().all(|line| !line.starts_with(hostile::FORGED)), "{question}");
}

#[tokio::test]
async fn behind_a_proxy_the_public_url_counts() {
    let public = |options: &mut tailsteward::server::Options| {
        options.public_url = Some("https://mcp.example.com".parse().unwrap());
    };
    let mut desk = Desk::with(setup_in(ConfirmMode::Person), public).await;
    let token = {
        let (_, page) = desk.open().await;
        hidden(&page)
    };
    let code = desk.code().await;
    let (status, _) = desk.send(&[("token", &token), ("code", &code)]).await;
    assert_eq!(status, 403, "that is not the origin of the page");
    let mut request = desk.form(&[("token", &token), ("code", &code)]).build().unwrap();
    request.headers_mut().insert("origin", "https://mcp.example.com".parse().unwrap());
    let response = desk.client.execute(request).await.unwrap();
    assert_eq!(response.status(), 303);
    let set = response.headers()["set-cookie"].to_str().unwrap();
    assert!(set.ends_with("; Secure"), "{set}");
}

#[tokio::test]
async fn there_is_no_page_where_nothing_is_approved_and_none_of_odd_plans() {
    let served = Served::open(|_| {}).await;
    assert_eq!(served.get("/approve/abcd2345").send().await.unwrap().status(), 404);
    let desk = Desk::new().await;
    for id in ["x", "abcd%2f345", "abcd2345x", "abcd-345", "%3Cscript"] {
        let response = desk.served.get(&format!("/approve/{id}")).send().await.unwrap();
        assert_eq!(response.status(), 404, "{id}");
    }
}
