//! Resources that a client can attach to a conversation without a tool call. Each has the result of a tool,
//! and is offered if the tool is.

mod kinds;

use rmcp::{
    ErrorData, RoleServer,
    model::{Resource, ResourceContents, ResourceTemplate},
    service::RequestContext,
};
use serde_json::{Value, json};

use self::kinds::{KINDS, Kind};
use super::{Server, call::Call};

use crate::{
    Error, ErrorKind,
    catalogue::{self, Offer, failure},
    change::Risk,
    client::Result,
    guard::{OpenAudit, Principal},
    tailnet::{
        Tailnet, Tailnets,
        devices::tools::export::{DeviceExport, EXPORT},
        reports::{self, tools::REPORT},
        tailnets::{TAILNET, title_of},
    },
    tool,
    visible::{visible, visible_up_to},
};

const SCHEME: &str = "tailnet://";
/// The start of the templates for one of several tailnets.
pub(super) const OF_TAILNET: &str = "tailnet://{tailnet}/";
pub(super) const DEVICES: &str = "tailnet://devices";
pub(super) const DEVICE: &str = "tailnet://device/";
pub(super) const POLICY: &str = "tailnet://policy";
pub(super) const CHANGES: &str = "tailnet://changes";
pub(super) const CHANGE: &str = "tailnet://change/";
pub(super) const ALERTS: &str = "tailnet://alerts";

/// How many devices the resource lists: more than a page of the tool, since a person selected it.
const PAGE_SIZE: usize = 200;

impl Kind {
    fn is_offered(&self, offer: &Offer) -> bool {
        catalogue::named(self.tool).is_ok_and(|it| offer.takes(it))
    }

    /// The parameter in a URI, unescaped; empty if there is none. `None` if the URI does not match.
    fn takes(&self, uri: &str) -> Option<String> {
        if self.parameter.is_none() {
            return (uri == self.uri).then(String::new);
        }
        let rest = uri.strip_prefix(self.uri)?.strip_suffix(self.suffix)?;
        if rest.is_empty() || rest.contains('/') {
            return None;
        }
        percent_encoding::percent_decode_str(rest).decode_utf8().ok().map(Into::into)
    }
}

/// The resources with a fixed URI.
pub(super) fn list(offer: &Offer) -> Vec<Resource> {
    let single = KINDS.iter().filter(|it| it.parameter.is_none() && it.is_offered(offer));
    single
        .map(|it| {
            Resource::new(it.uri, it.name)
                .with_title(it.title)
                .with_description(it.about)
                .with_mime_type(it.mime)
        })
        .collect()
}

/// The resource templates, whose URIs contain an ID or, if there are several tailnets, the name of one.
pub(super) fn templates(offer: &Offer, tailnets: &Tailnets) -> Vec<ResourceTemplate> {
    let with_id = KINDS.iter().filter(|it| it.is_offered(offer) && it.parameter.is_some());
    let template = |uri: String, it: &Kind| {
        let template = ResourceTemplate::new(uri, it.name).with_title(it.title);
        template.with_description(it.about).with_mime_type(it.mime)
    };
    let with_id: Vec<(String, &Kind)> = with_id
        .map(|it| {
            let parameter = it.parameter.unwrap_or_default();
            (format!("{}{{{parameter}}}{}", it.uri, it.suffix), it)
        })
        .collect();
    let mut all: Vec<_> = with_id.iter().map(|(uri, it)| template(uri.clone(), it)).collect();
    let single = singles(offer);
    if !tailnets.are_several() || single.is_empty() {
        return all;
    }
    let names: Vec<&str> = tailnets.names().filter(|it| offer.reaches(it)).collect();
    let (single, names) = (single.join(", "), names.join(" or "));
    let about = format!("A resource ({single}) of one tailnet ({names}).");
    let of_tailnet = format!("{OF_TAILNET}{{resource}}");
    all.push(ResourceTemplate::new(of_tailnet, "tailnet_resource").with_description(about));
    let with_id = with_id.iter().map(|(uri, it)| (uri.replacen(SCHEME, OF_TAILNET, 1), it));
    all.extend(with_id.map(|(uri, it)| template(uri, it)));
    all
}

/// The names of the resources with a fixed URI.
pub(super) fn singles(offer: &Offer) -> Vec<&'static str> {
    let single = KINDS.iter().filter(|it| it.parameter.is_none() && it.is_offered(offer));
    single.map(|it| it.name).collect()
}

/// The tailnet that a URI such as `tailnet://acme/devices` names, and the URI without it.
fn of_tailnet<'a>(uri: &'a str, tailnets: &'a Tailnets) -> Option<(&'a str, String)> {
    if is_known(uri) {
        return None;
    }
    let (name, rest) = uri.strip_prefix(SCHEME)?.split_once('/')?;
    let name = tailnets.names().find(|it| *it == name)?;
    Some((name, format!("{SCHEME}{rest}")))
}

/// Reads a resource.
pub(super) async fn read(
    server: &Server,
    principal: Principal,
    everywhere: Offer,
    uri: &str,
    context: &RequestContext<RoleServer>,
) -> std::result::Result<ResourceContents, ErrorData> {
    let named = of_tailnet(uri, server.tailnets());
    let plain = named.as_ref().map_or(uri, |(_, plain)| plain);
    let known = KINDS.iter().filter(|_| is_known(plain));
    let found = known.into_iter().find_map(|kind| Some((kind, kind.takes(plain)?)));
    let tailnet = named.as_ref().and_then(|(name, _)| server.tailnets().named(name));
    let offer = everywhere.on(&title_of(tailnet.unwrap_or(server.tailnet())));
    let Some((kind, id)) = found.filter(|(kind, _)| kind.is_offered(&offer)) else {
        return Err(ErrorData::resource_not_found(
            format!("unknown resource {}", visible_up_to(uri, MAX_URI_BYTES)),
            Some(json!({ "uri": uri })),
        ));
    };
    if kind.uri == EXPORT {
        let name = named.as_ref().map(|(name, _)| (*name).to_owned());
        return export(server, &principal, &everywhere, uri, plain, name).await;
    }
    let call = Call { server, principal, offer: everywhere, context };
    let text = if matches!(kind.uri, POLICY | REPORT) {
        // The policy file or the page itself; the tool would answer less, or more.
        let (store, principal) = (server.store(), &call.principal);
        let mut audit = OpenAudit::begin(store, principal, kind.uri, Risk::Read, id.clone());
        let tailnet = named.and_then(|(name, _)| server.tailnets().named(name));
        let tailnet = tailnet.unwrap_or(server.tailnet());
        audit.about(&tailnet.label());
        let read = match kind.uri {
            POLICY => policy(tailnet).await,
            _ => Box::pin(reports::tools::page(tailnet, &id)).await,
        };
        let outcome = read.as_ref().map_or_else(|error| error.kind().as_str(), |_| "ok");
        audit.end(outcome, None);
        read
    } else {
        let mut arguments = arguments(kind, &id);
        if let (Some((name, _)), Some(arguments)) = (named, arguments.as_object_mut()) {
            arguments.insert(TAILNET.to_owned(), name.into());
        }
        call.query(kind.tool, arguments).await
    };
    let text = text.map_err(|error| unreadable(&error))?;
    Ok(ResourceContents::text(text, uri).with_mime_type(kind.mime))
}

fn unreadable(error: &Error) -> ErrorData {
    let data: Value = serde_json::from_str(&failure(error)).unwrap_or_default();
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::InvalidInput => {
            ErrorData::resource_not_found(error.to_string(), Some(data))
        }
        _ => ErrorData::internal_error(error.to_string(), Some(data)),
    }
}

/// Makes the file that a URI of an export describes. It is longer than what a tool may answer.
async fn export(
    server: &Server,
    principal: &Principal,
    offer: &Offer,
    uri: &str,
    plain: &str,
    named: Option<String>,
) -> std::result::Result<ResourceContents, ErrorData> {
    let tailnets = server.tailnets();
    let of = |name: Option<String>| match name {
        None => Some(tailnets.first()),
        Some(name) => tailnets.all().find(|it| it.name() == Some(&*name)),
    };
    let found =
        DeviceExport::of(plain).and_then(|(export, name)| Some((export, of(name.or(named))?)));
    let tool = KINDS.iter().find(|it| it.uri == EXPORT);
    let is_allowed =
        |it: &Tailnet| tool.is_some_and(|kind| kind.is_offered(&offer.on(&title_of(it))));
    let found = found.filter(|(_, tailnet)| is_allowed(tailnet));
    let Some((export, tailnet)) = found else {
        let unknown = format!("unknown resource {}", visible_up_to(uri, MAX_URI_BYTES));
        return Err(ErrorData::resource_not_found(unknown, Some(json!({ "uri": uri }))));
    };
    let mut audit = OpenAudit::begin(server.store(), principal, EXPORT, Risk::Read, uri.to_owned());
    audit.about(&tailnet.label());
    let read = export.file_of(tailnet).await;
    audit.end(read.as_ref().map_or_else(|error| error.kind().as_str(), |_| "ok"), None);
    let text = read.map_err(|error| unreadable(&error))?;
    Ok(ResourceContents::text(text, uri).with_mime_type(export.mime_type()))
}

/// The longest URI that there can be: names and IDs are short.
const MAX_URI_BYTES: usize = 512;

/// Whether a resource can exist at this URI, which names no tailnet.
fn is_known(uri: &str) -> bool {
    uri.len() <= MAX_URI_BYTES && KINDS.iter().any(|it| it.takes(uri).is_some())
}

/// Whether a resource can exist at this URI, of the first tailnet or of one that the URI names.
pub(super) fn exists(uri: &str, tailnets: &Tailnets) -> bool {
    is_known(uri) || of_tailnet(uri, tailnets).is_some_and(|(_, plain)| is_known(&plain))
}

/// Whether a resource can exist at this URI, and the caller may read it.
pub(super) fn is_offered(uri: &str, offer: &Offer, tailnets: &Tailnets) -> bool {
    let named = of_tailnet(uri, tailnets);
    let plain = named.as_ref().map_or(uri, |(_, plain)| plain);
    let tailnet = named.as_ref().and_then(|(name, _)| tailnets.named(name));
    let offer = offer.on(&title_of(tailnet.unwrap_or(tailnets.first())));
    is_known(plain) && KINDS.iter().any(|it| it.takes(plain).is_some() && it.is_offered(&offer))
}

/// The URIs of a resource of the tailnet with this name: `uri` if it is the only or the first one, and the
/// one that names it if there are several.
pub(super) fn addresses(uri: &str, tailnet: Option<&str>, tailnets: &Tailnets) -> Vec<String> {
    let Some(name) = tailnet.filter(|_| tailnets.are_several()) else {
        return vec![uri.to_owned()];
    };
    let named = uri.replacen(SCHEME, &format!("{SCHEME}{name}/"), 1);
    let is_first = tailnets.first().name() == Some(name);
    is_first.then(|| uri.to_owned()).into_iter().chain([named]).collect()
}

fn arguments(kind: &Kind, id: &str) -> Value {
    match kind.uri {
        DEVICES => json!({ "limit": PAGE_SIZE }),
        DEVICE => json!({ "device": id }),
        CHANGE => json!({ "change": id.parse::<i64>().unwrap_or_default() }),
        _ => json!({}),
    }
}

/// A line of the policy file as it is written, with escapes for hidden characters.
fn visible_line(line: &str) -> String {
    let end = line.trim_end_matches(['\r', '\n']).len();
    let (line, end) = line.split_at(end);
    let parts: Vec<_> = line.split('\t').map(visible).collect();
    format!("{}{end}", parts.join("\t"))
}

async fn policy(tailnet: &Tailnet) -> Result<String> {
    let text = tailnet.policy_file().get().await?.text;
    let lines: Vec<_> = text.split_inclusive('\n').map(visible_line).collect();
    tool::short(lines.concat(), "read it section by section with get_acl_policy")
}
