//! Approval of plans by a person outside of the conversation in which they were made: in a terminal, or on a page
//! of the server.

use std::{sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret as _, SecretString};

use super::{Caller, ConfirmMode, Guard, Pending, digest::random, question};
use crate::{
    Error, ErrorKind,
    change::{
        Approval, ApprovalState, Confirmation, Risk,
        store::{Audit, NewApproval, Store, UsedApproval},
    },
    client::Result,
    guardrails::{Guardrails, may_be_same, same_name},
    live::Live,
    words::to_the_second,
};

/// The name of decisions in the audit log. It is the name of no tool.
const DECISION: &str = "approve plan";
/// How often it is looked whether somebody has decided.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);
/// Letters and digits of codes, which cannot be mistaken for each other.
const LETTERS: &[u8] = b"23456789abcdefghjkmnpqrstuvwxyz";
/// How long a code is: 49 bits, and five wrong ones end it.
const CODE_LENGTH: usize = 10;
/// The random bytes of a browser's session.
const SESSION_BYTES: usize = 32;

/// How the person who decides about a plan was identified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Identified {
    /// They run the program in a terminal as this user of the operating system, with access to the store.
    InTerminal,
    /// They typed a one-time code, which was printed in a terminal, into a page of the server.
    ByCode,
}

/// The person who decides about a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Approver {
    /// Their name in the journal and the audit log.
    pub name: Arc<str>,
    /// How they were identified.
    pub identified: Identified,
}

impl Approver {
    /// A person with this name, and how they were identified.
    pub fn new(name: impl Into<Arc<str>>, identified: Identified) -> Self {
        Self { name: name.into(), identified }
    }
}

/// The plans of a store that need approval, and who may approve them.
#[derive(Debug, Clone)]
pub struct Approvals {
    store: Arc<Store>,
    rails: Live<Guardrails>,
    /// The options with which `tailsteward approve` finds the store and the guardrails.
    options: Arc<str>,
}

impl Approvals {
    /// The plans in `store`, which may be approved by the approvers in the guardrails.
    pub fn new(store: Arc<Store>, rails: impl Into<Live<Guardrails>>) -> Self {
        Self { store, rails: rails.into(), options: "".into() }
    }

    /// The same, with the options that `tailsteward approve` needs to find the store and the guardrails, such
    /// as `--store PATH`.
    #[must_use]
    pub fn with_options(self, options: &str) -> Self {
        Self { options: options.into(), ..self }
    }

    /// The command with which a person approves the plan `id` in a terminal.
    pub fn command(&self, id: &str) -> String {
        let options = if self.options.is_empty() { "" } else { &format!(" {}", self.options) };
        format!("tailsteward approve {id}{options}")
    }

    /// All plans that needed approval in the last seven days, newest first.
    ///
    /// # Errors
    ///
    /// [`Journal`](crate::ErrorKind::Journal) if the store cannot be read.
    pub async fn list(&self) -> Result<Vec<Approval>> {
        self.store.listed_approvals(None).await
    }

    /// The plan `id`.
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::ErrorKind::NotFound) if there is none that needed approval.
    pub async fn get(&self, id: &str) -> Result<Approval> {
        let plan = if id.len() > 64 { None } else { self.store.approval(id).await? };
        plan.ok_or_else(|| {
            let message = "no plan with this ID needs approval";
            Error::new(ErrorKind::NotFound, message)
                .with_remedy("list the plans with `tailsteward approve`")
        })
    }

    /// Whether `approver` may decide about the plan now.
    ///
    /// # Errors
    ///
    /// [`Refused`](crate::ErrorKind::Refused) otherwise.
    pub fn may_decide(&self, plan: &Approval, approver: &Approver) -> Result<()> {
        let is_over = |state: &str| {
            let message = format!("plan {} {state}", plan.plan_id);
            Err(Error::refused(message, "request the change again to get a new plan"))
        };
        let by = plan.decided_by.as_deref().unwrap_or_default();
        match plan.state {
            ApprovalState::Waiting => {}
            ApprovalState::Approved => return is_over(&format!("was already approved by {by}")),
            ApprovalState::Used => return is_over(&format!("was approved by {by} and applied")),
            ApprovalState::Refused => return Err(refused(plan)),
            ApprovalState::Expired => return is_over("has expired"),
        }
        self.allow(plan, &approver.name)
    }

    fn allow(&self, plan: &Approval, name: &str) -> Result<()> {
        if !self.rails.get().may_approve(name) {
            return Err(Error::refused(
                format!("{name} may not approve plans"),
                "the administrator lists those who may under `approvers` in the guardrails",
            ));
        }
        if plan.by_other && may_be_same(name, &plan.principal) {
            let principal = &plan.principal;
            let message = if same_name(name, principal) {
                format!("{name} asked for this change, so somebody else has to approve it")
            } else {
                format!(
                    "{principal} asked for this change, which may be the same person as {name}, so somebody \
                     else has to approve it"
                )
            };
            return Err(Error::refused(message, "ask another person who may approve plans"));
        }
        Ok(())
    }

    /// Approves or refuses the plan `id`, once.
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::ErrorKind::NotFound) if there is no such plan; [`Refused`](crate::ErrorKind::Refused)
    /// if `approver` may not decide, or somebody has decided already.
    pub async fn decide(&self, id: &str, approver: &Approver, yes: bool) -> Result<Approval> {
        let plan = self.get(id).await?;
        if let Err(error) = self.may_decide(&plan, approver) {
            self.audit(&plan, approver, "not_allowed");
            return Err(error);
        }
        if !self.store.decide(id, &approver.name, yes).await? {
            // Somebody was faster, or it has just expired.
            self.may_decide(&self.get(id).await?, approver)?;
            return Err(Error::refused(
                format!("plan {id} is no longer waiting"),
                "list the plans with `tailsteward approve`",
            ));
        }
        self.audit(&plan, approver, if yes { "approved" } else { "refused" });
        self.get(id).await
    }

    fn audit(&self, plan: &Approval, approver: &Approver, outcome: &str) {
        let mut line = Audit::now(&approver.name, DECISION, Risk::Danger);
        line.tailnet.clone_from(&plan.tailnet);
        let Approval { plan_id, principal, tool, resource, .. } = plan;
        line.resource = format!("plan {plan_id} of {principal}: {tool} {resource}");
        outcome.clone_into(&mut line.outcome);
        self.store.audit(line);
    }

    /// Waits until the audit log is written.
    pub async fn flush(&self) {
        self.store.flush().await;
    }

    /// A one-time code with which `approver` can be identified on the page of the plan `id`.
    ///
    /// # Errors
    ///
    /// Those of [`may_decide`](Self::may_decide).
    pub async fn new_code(&self, id: &str, approver: &Approver) -> Result<SecretString> {
        let plan = self.get(id).await?;
        self.may_decide(&plan, approver)?;
        let code = random_code()?;
        self.store.keep_code(id, code.expose_secret(), &approver.name).await?;
        Ok(code)
    }

    /// Uses up a code, and returns a session for the browser in which it was typed; none if the code is wrong.
    ///
    /// # Errors
    ///
    /// [`Journal`](crate::ErrorKind::Journal) if the store cannot be written.
    pub async fn log_in(&self, id: &str, code: &str) -> Result<Option<SecretString>> {
        let typed: String = code.chars().filter(char::is_ascii_alphanumeric).take(64).collect();
        let Some(name) = self.store.use_code(id, &typed.to_ascii_lowercase()).await? else {
            let nobody = Approver::new("unknown", Identified::ByCode);
            if let Ok(plan) = self.get(id).await {
                self.audit(&plan, &nobody, "wrong_code");
            }
            return Ok(None);
        };
        let session = random_session()?;
        self.store.keep_session(id, session.expose_secret(), &name).await?;
        Ok(Some(session))
    }

    /// Who a browser's session for the plan `id` belongs to.
    ///
    /// # Errors
    ///
    /// [`Journal`](crate::ErrorKind::Journal) if the store cannot be read.
    pub async fn who(&self, id: &str, session: &str) -> Result<Option<Approver>> {
        let name = self.store.session(id, session).await?;
        Ok(name.map(|name| Approver::new(name, Identified::ByCode)))
    }

    /// Waits until somebody has decided about the plan `id`, or it has expired.
    pub(crate) async fn decided(&self, id: &str) -> Result<Approval> {
        loop {
            let plan = self.get(id).await?;
            if plan.state != ApprovalState::Waiting {
                return Ok(plan);
            }
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    }
}

fn random_code() -> Result<SecretString> {
    let mut code = String::new();
    while code.len() < CODE_LENGTH {
        // Bytes from 248 on would make the first letters likelier.
        let bytes = random::<32>()?.into_iter().filter(|byte| *byte < 248);
        let letters = bytes.filter_map(|byte| LETTERS.get(usize::from(byte) % LETTERS.len()));
        code.extend(letters.map(|letter| char::from(*letter)).take(CODE_LENGTH - code.len()));
    }
    Ok(code.into())
}

/// A random text for a browser.
///
/// # Errors
///
/// [`Config`](crate::ErrorKind::Config) if the system provides no random bytes.
pub(crate) fn random_session() -> Result<SecretString> {
    Ok(URL_SAFE_NO_PAD.encode(random::<SESSION_BYTES>()?).into())
}

/// What has become of a plan for which approval was sought.
pub(crate) enum Sought {
    /// Somebody approved exactly this plan, and nobody has used that before.
    Yes(Confirmation),
    /// It waits; with why the plan that the call named does not count, if it named one.
    Waits(Box<Approval>, Option<String>),
}

/// Uses the approval of a plan if there is one; otherwise the plan waits for one.
///
/// # Errors
///
/// [`Refused`](crate::ErrorKind::Refused) if it was refused, or applied before.
pub(crate) async fn seek(
    guard: &Guard,
    caller: &Caller,
    pending: &Pending<'_>,
    undo: Option<&str>,
) -> Result<Sought> {
    let (store, by_other) = (guard.store(), pending.mode == ConfirmMode::Other);
    let known = match pending.plan_id {
        Some(id) => Some(id.to_owned()),
        None => store.known_approval(pending.digest, by_other).await?.map(|it| it.plan_id),
    };
    let mut why = None;
    if let Some(id) = known {
        let approvals = guard.approvals();
        let used = async {
            if let Some(plan) = store.approval(&id).await?
                && let (ApprovalState::Approved, Some(by)) = (plan.state, &plan.decided_by)
            {
                // Rules may have become stricter since, and may differ where it was approved.
                approvals.allow(&Approval { by_other, ..plan.clone() }, by)?;
            }
            store.use_approval(&id, pending.digest, by_other).await
        };
        why = match used.await? {
            UsedApproval::Now(by) => return Ok(Sought::Yes(Confirmation::Approved { by })),
            UsedApproval::Not(ApprovalState::Expired, _) => {
                Some(format!("the plan `{id}` has expired"))
            }
            UsedApproval::Not(..) => {
                over(&approvals.get(&id).await?)?;
                None
            }
            UsedApproval::Differs => Some(format!(
                "the plan `{id}` was for other arguments, or the tailnet has changed since"
            )),
            UsedApproval::Unknown => Some(format!("no plan `{id}` is waiting for approval")),
        };
    }
    let plan = store
        .seek_approval(NewApproval {
            digest: pending.digest,
            by_other,
            principal: &caller.principal.name,
            tool: pending.tool.name,
            tailnet: &pending.tailnet.label(),
            resource: &pending.plan.about(),
            question: &question(pending, undo),
        })
        .await?;
    over(&plan)?;
    Ok(Sought::Waits(Box::new(plan), why))
}

/// Fails if a plan was refused or applied.
fn over(plan: &Approval) -> Result<()> {
    match plan.state {
        ApprovalState::Refused => Err(refused(plan)),
        ApprovalState::Used => Err(Error::refused(
            format!("the plan `{}` was already applied", plan.plan_id),
            "see its outcome with list_changes; call again without plan_id for a new plan",
        )),
        _ => Ok(()),
    }
}

/// Why a refused plan is not applied, and until when.
fn refused(plan: &Approval) -> Error {
    let (by, until) = (plan.decided_by.as_deref().unwrap_or("somebody"), to_the_second(plan.until));
    let message = format!(
        "nothing was changed: {by} refused the plan `{}`; the same request stays refused until {until}",
        plan.plan_id
    );
    Error::refused(
        message,
        "request something else; after that time, the same request makes a new plan",
    )
}

/// How a person approves the plan, for the caller: in a terminal, or on the page at `link`.
pub(crate) fn how(
    guard: &Guard,
    pending: &Pending<'_>,
    plan: &Approval,
    link: Option<&str>,
) -> String {
    let who = if plan.by_other { "another person" } else { "a person" };
    let page = link.map(|link| format!(", or on {link}")).unwrap_or_default();
    let because = pending.guardrail.map(|why| format!(", because {why}")).unwrap_or_default();
    format!(
        "{who} must approve this plan until {}{because}: with `{}` in a terminal{page}",
        to_the_second(plan.until),
        guard.approvals().command(&plan.plan_id)
    )
}
