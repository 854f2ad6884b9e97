//! The pages on which plans are approved, as HTML.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::{
    change::{Approval, ApprovalState},
    client::Error,
    visible::visible,
    words::to_the_second,
};

pub(super) const STYLE: &str = include_str!("approve.css");

fn page(title: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " – tailsteward" }
                style { (PreEscaped(STYLE)) }
            }
            body { main { h1 { (title) } (body) } }
        }
    }
}

/// A page that says one thing.
pub(super) fn message(title: &str, text: &str) -> Markup {
    page(title, &html! { p { (visible(text)) } })
}

/// Asks for the one-time code. Nothing is shown of the plan yet.
pub(super) fn code(id: &str, command: &str, token: &str, why: Option<&str>) -> Markup {
    let body = html! {
        @if let Some(why) = why { p.wrong role="alert" { (why) } }
        p { "To identify yourself, run this in a terminal and type the code that it prints:" }
        pre { code { (visible(command)) " --code" } }
        form method="post" action={ "/approve/" (id) } {
            input type="hidden" name="token" value=(token);
            label for="code" { "Code" }
            input id="code" name="code" type="text" required autocomplete="one-time-code"
                autocapitalize="none" spellcheck="false" maxlength="32";
            button type="submit" { "Show the plan" }
        }
    };
    page(&format!("Plan {id}"), &body)
}

/// The plan with its complete question, and two buttons if it can be decided.
pub(super) fn plan(plan: &Approval, approver: &str, token: &str, why: Option<&Error>) -> Markup {
    let id = &plan.plan_id;
    let decided = plan.decided_by.as_deref().unwrap_or_default();
    let title = match plan.state {
        ApprovalState::Waiting => format!("Plan {id}"),
        ApprovalState::Approved => format!("Plan {id} is approved"),
        ApprovalState::Used => format!("Plan {id} was approved and applied"),
        ApprovalState::Refused => format!("Plan {id} is refused"),
        ApprovalState::Expired => format!("Plan {id} has expired"),
    };
    let body = html! {
        p {
            "Requested by " b { (visible(&plan.principal)) } " with " code { (plan.tool) } " at "
            (to_the_second(plan.at)) ". It expires at " (to_the_second(plan.until)) "."
        }
        pre.question { (plan.question) }
        @match (plan.state, why) {
            (ApprovalState::Waiting, None) => {
                form method="post" action={ "/approve/" (id) } {
                    input type="hidden" name="token" value=(token);
                    p { "You are " b { (visible(approver)) } ". Your answer is recorded under this name." }
                    button type="submit" name="decision" value="approve" { "Approve this plan" }
                    button.other type="submit" name="decision" value="refuse" { "Refuse" }
                }
            }
            (ApprovalState::Waiting, Some(why)) => p.wrong role="alert" { (visible(&why.to_string())) },
            (ApprovalState::Approved, _) => {
                p { "Approved by " (visible(decided)) ". It will be applied when the caller repeats the call." }
            }
            (ApprovalState::Used | ApprovalState::Refused, _) => {
                p { "Decided by " (visible(decided)) "." }
            }
            (ApprovalState::Expired, _) => p { "Nothing was changed. Request the change again." },
        }
    };
    page(&title, &body)
}
