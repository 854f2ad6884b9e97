//! The checks that a new policy file must pass before it is planned. Each check adds a note to the
//! plan that the user confirms.

use super::{
    Verdict,
    change::refusal,
    conflict,
    offline::{self, Judged},
    outline::{self, Section},
};
use crate::{Error, ErrorKind, change::Checked, client::Result, tailnet::Tailnet, words::counted};

/// Policy files that are refused unless allowed here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Allow {
    /// Allow a file that locks out the caller, all devices, or the device that this program runs on.
    pub lockout: bool,
    /// Allow a file without `acls` and `grants`, which allows all traffic.
    pub all: bool,
}

/// Runs all checks of a new text. Only reads.
pub(super) async fn check(
    tailnet: &Tailnet,
    old: &str,
    new: &str,
    allow: Allow,
) -> Result<Checked> {
    let mut findings = Checked::default();
    let sections = parsed(new, &mut findings)?;
    is_not_open_to_all(&sections, allow, &mut findings)?;
    let judged = offline::offline(tailnet, old, new).await?;
    is_valid_offline(&judged, &mut findings)?;
    let verdict = tailnet.policy_file().validate(new).await?;
    is_valid_at_tailscale(&verdict, &mut findings)?;
    tests_pass(&sections, &judged, verdict, &mut findings)?;
    cuts_nobody_off(&judged, allow, &mut findings)?;
    effects(&judged, &mut findings);
    lines(old, new, &mut findings);
    Ok(findings)
}

fn parsed(new: &str, findings: &mut Checked) -> Result<Vec<Section>> {
    if new.trim().is_empty() {
        return Err(Error::invalid_input(
            "text",
            "is empty, which would restore Tailscale's default policy; give the complete policy",
        ));
    }
    let sections = outline::outline(new)?;
    findings.notes.push(format!("parsed: ok, {}", counted(sections.len(), "section", "sections")));
    Ok(sections)
}

fn is_not_open_to_all(sections: &[Section], allow: Allow, findings: &mut Checked) -> Result<()> {
    if !outline::allows_all(sections) {
        return Ok(());
    }
    let what = "a policy file without `acls` and `grants` allows all traffic";
    if !allow.all {
        return Err(Error::refused(
            what,
            "write `\"grants\": []` to allow nothing, or set `allow_all` to allow all traffic",
        ));
    }
    findings.warnings.push(what.to_owned());
    Ok(())
}

fn is_valid_offline(judged: &Judged, findings: &mut Checked) -> Result<()> {
    if !judged.errors.is_empty() {
        let message = format!("the policy file has errors: {}", judged.errors.join("; "));
        return Err(Error::refused(message, "change the text as the message says"));
    }
    findings.warnings.extend_from_slice(&judged.warnings);
    findings.notes.push(format!("validated offline: ok{}", and_warnings(judged.warnings.len())));
    Ok(())
}

fn is_valid_at_tailscale(verdict: &Verdict, findings: &mut Checked) -> Result<()> {
    if !verdict.errors.is_empty() {
        let what = "Tailscale would reject this policy file";
        return Err(refusal(ErrorKind::Refused, what, verdict.clone()));
    }
    let warnings = verdict.warnings.iter().map(|it| format!("Tailscale warns: {it}"));
    findings.warnings.extend(warnings);
    findings
        .notes
        .push(format!("validated by Tailscale: ok{}", and_warnings(verdict.warnings.len())));
    Ok(())
}

fn and_warnings(count: usize) -> String {
    match count {
        0 => String::new(),
        some => format!(", {}", counted(some, "warning", "warnings")),
    }
}

fn tests_pass(
    sections: &[Section],
    judged: &Judged,
    verdict: Verdict,
    findings: &mut Checked,
) -> Result<()> {
    let count = outline::entries(sections, "tests");
    if !verdict.failed_tests.is_empty() {
        let failed = verdict.failed_tests.len();
        let fail = if failed == 1 { "fails" } else { "fail" };
        let tests = counted(count, "test", "tests");
        let what = format!("{failed} of {tests} in the policy file {fail}");
        return Err(refusal(ErrorKind::Refused, &what, verdict));
    }
    // Tailscale's result decides, and here all tests passed.
    if let [first, ..] = judged.tests.failed.as_slice() {
        findings.warnings.push(format!(
            "tests that pass at Tailscale but fail offline: {}, such as {first}",
            judged.tests.failed.len()
        ));
    }
    findings.notes.push(match (count, judged.tests.passed) {
        (0, _) => "tests: none in the file".to_owned(),
        (_, 0) => format!("tests: {count} passed at Tailscale"),
        (_, offline) => format!("tests: {count} passed at Tailscale, {offline} offline"),
    });
    Ok(())
}

fn cuts_nobody_off(judged: &Judged, allow: Allow, findings: &mut Checked) -> Result<()> {
    if judged.lockouts.is_empty() {
        return Ok(());
    }
    if allow.lockout {
        findings.warnings.extend_from_slice(&judged.lockouts);
        return Ok(());
    }
    let message = format!("the policy file would lock out: {}", judged.lockouts.join("; "));
    Err(Error::refused(message, "keep their access, or set `allow_lockout` if this is intended"))
}

fn effects(judged: &Judged, findings: &mut Checked) {
    findings.notes.extend(judged.effects.iter().map(|effect| format!("effect: {effect}")));
}

fn lines(old: &str, new: &str, findings: &mut Checked) {
    findings.notes.extend(conflict::difference(old, new));
}
