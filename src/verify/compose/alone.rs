//! Sites that are run alone, each for itself, and what that adds to what is said of them.

use super::{Certified, Graph, Outcome, Site, VerifyOptions, run};
use crate::engine::CouldNotRun;
use crate::verify::{Alone, Tier};
use crate::verify::{Done, Job, RegionReport, Regions, Relay, RelayReport, SitePlan, Units};

/// What came of the sites, or why they could not be run; nothing if that was not asked for.
pub(super) type Reports = Option<Result<Vec<RegionReport>, CouldNotRun>>;

/// Runs each site alone, with what a run has found, and with what runs at other sizes found.
pub(super) fn run(
    relay: &Relay,
    report: Option<&RelayReport>,
    graphs: (&Graph<'_>, &Graph<'_>),
    options: &VerifyOptions,
) -> Reports {
    if !options.regions {
        return None;
    }
    let mut sites = relay.sites.clone();
    let mut again = Vec::new();
    for found in report.into_iter().flat_map(|report| &report.sites) {
        let Some(site) = relay.sites.get(found.plan).filter(|site| !site.everywhere) else { continue };
        for (shapes, settings) in &found.others {
            sites.push(SitePlan { shapes: shapes.clone(), settings: settings.clone(), ..site.clone() });
            again.push(found.plan);
        }
    }
    let units = Units { asked: options.tier.units(), once: Tier::Own.units(), strict: options.tier == Tier::Own };
    let job = Job::Regions(Regions {
        before: relay.before.clone(),
        after: relay.after.clone(),
        freeze: options.freeze,
        sites,
        units,
        seed: options.seed,
    });
    Some(match run::run(job, graphs, options) {
        Ok(Done::Regions(mut reports)) => {
            let others = reports.split_off(reports.len().saturating_sub(again.len()));
            for (other, plan) in others.into_iter().zip(again) {
                if let Some(report) = reports.get_mut(plan) {
                    report.and(other);
                }
            }
            Ok(reports)
        }
        Ok(_) => Err(CouldNotRun::Child("it answered another question".to_owned())),
        Err(why) => Err(why),
    })
}

fn proves(certified: &Certified) -> bool {
    matches!(certified, Certified::Certificate(certificate) if certificate.worst <= 1.0 && certificate.is_one_by_one())
}

/// Enters what a site made alone. `missing` says that it was in no run of the whole: then it is right if it is right alone and
/// each of its constants is. Returns whether its constants may have been rounded once.
pub(super) fn enter(site: &mut Site, certified: &Certified, reports: &Reports, (index, missing): (usize, bool)) -> bool {
    let found = match reports {
        None => return true,
        Some(Err(why)) => {
            site.alone = Some(Alone { skipped: Some(why.to_string()), ..Alone::default() });
            return true;
        }
        // There is one for each site, in order.
        Some(Ok(all)) => all.get(index).filter(|report| report.plan == index),
    };
    let Some(found) = found else { return true };
    site.alone = Some(Alone {
        zeros: found.zeros,
        dense: found.dense,
        impulses: found.impulses,
        control: found.control,
        place: found.place.clone(),
        skipped: found.skipped.clone(),
    });
    let reason = match (&found.skipped, &found.unjudged, &found.apart) {
        (Some(_), ..) => return true,
        (None, Some(why), _) => {
            if site.outcome != Outcome::Differs {
                (site.outcome, site.reason) = (Outcome::NotJudged, Some(why.clone()));
            }
            return true;
        }
        (None, None, Some(why)) => Some(why.clone()),
        (None, None, None) if found.worst > 1.0 => {
            let place = found.place.as_deref().unwrap_or_default();
            Some(format!("run alone, the difference is beyond the rounding of the constants: {place}"))
        }
        _ => None,
    };
    match reason {
        Some(reason) => {
            site.reason = site.reason.take().filter(|_| site.outcome == Outcome::Differs).or(Some(reason));
            site.outcome = Outcome::Differs;
        }
        None if missing && site.outcome == Outcome::NotJudged && proves(certified) => {
            (site.outcome, site.reason) = (Outcome::EqualWithinRounding, None);
        }
        None => {}
    }
    found.once <= 1.0
}
