//! Both eras of the protocol through the SDK's own client.

use rmcp::{
    RoleClient,
    model::{CallToolRequestParams, ProtocolVersion},
    service::{ClientLifecycleMode, ClientServiceExt as _, RunningService},
    transport::{
        StreamableHttpClientTransport, streamable_http_client::StreamableHttpClientTransportConfig,
    },
};
use serde_json::json;
use tailsteward::{
    mcp::{Server, Setup},
    tool::Risk,
};

use crate::support::{http::Served, loopback::plain_http, tailnet::sandbox};

async fn client(
    served: &Served,
    token: &str,
    mode: ClientLifecycleMode,
) -> RunningService<RoleClient, ()> {
    let config =
        StreamableHttpClientTransportConfig::with_uri(served.url("/mcp")).auth_header(token);
    let transport = StreamableHttpClientTransport::with_client(plain_http(), config);
    ().serve_with_lifecycle(transport, mode).await.unwrap()
}

fn modes() -> [ClientLifecycleMode; 2] {
    let preferred_versions = vec![ProtocolVersion::V_2026_07_28];
    [ClientLifecycleMode::Initialize, ClientLifecycleMode::Discover { preferred_versions }]
}

#[tokio::test]
async fn a_client_of_either_era_lists_and_calls() {
    let (_sandbox, tailnet) = sandbox().await;
    for stateless in [false, true] {
        let product = Server::new(tailnet.clone(), Setup::new(Risk::Danger).unwrap());
        let (served, token) = Served::serve(product, false, |it| it.stateless = stateless).await;
        for mode in modes() {
            let client = client(&served, &token, mode).await;
            let tools = client.list_all_tools().await.unwrap();
            assert!(tools.iter().any(|it| it.name == "list_devices"));
            let arguments = json!({ "limit": 2 }).as_object().unwrap().clone();
            let request = CallToolRequestParams::new("list_devices").with_arguments(arguments);
            let answer = client.call_tool(request).await.unwrap();
            let text = answer.content[0].as_text().unwrap().text.clone();
            assert!(text.contains("\"shown\":2"), "{text}");
            client.cancel().await.unwrap();
        }
    }
}
