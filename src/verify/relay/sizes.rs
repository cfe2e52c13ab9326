//! The sizes with which both models are run: for each open extent two values, if both models take two.
//!
//! Sizes are tried until the second model takes them. What it refuses and the first takes is told as a difference of the
//! second; what the first refuses as well is no size of the model.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use super::judge;
use super::lead::Lead;
use super::{Digits, Follower, Gathered, Relay};
use crate::engine::array::Array;
use crate::engine::bind::{Asked, InputSpec, Sizes, choices};
use crate::engine::cost::Cost;
use crate::engine::flatten::Branch;
use crate::engine::given::Given;
use crate::engine::inputs::seeded_inputs;
use crate::engine::load::load;
use crate::engine::prepare::prepare;
use crate::engine::run::{Loaded, Run};
use crate::engine::{CouldNotRun, beside, computed};
use crate::verify::slowly;

/// Products beyond which fixed extents are made smaller, where what differs holds for all sizes.
const LONG: u64 = 40_000_000_000;

/// The largest extent that is tried because an integer of that size stands in one file only.
const LARGEST: usize = 1 << 16;

/// Both models, ready to run, with one of the branches of every If.
pub(super) struct Pair {
    pub lead: Lead,
    follower: Follower,
    /// The first model as it is, where values in between are asked for.
    plain: Option<Loaded>,
}

impl Pair {
    /// Both models with each branch.
    pub fn all(relay: &Relay, digits: Digits) -> Result<Vec<Pair>, CouldNotRun> {
        let ready = |branch| {
            let (lead, follower) = beside(|| Lead::ready(relay, branch), || Follower::ready(relay, branch, digits));
            let plain = (!relay.taps.is_empty()).then(|| plain(relay, branch)).transpose()?;
            Ok::<Pair, CouldNotRun>(Pair { lead: lead?, follower: follower?, plain })
        };
        let mut all = vec![ready(Branch::Then)?];
        if all.iter().any(|pair| pair.lead.branches) {
            all.push(ready(Branch::Else)?);
        }
        Ok(all)
    }
}

/// Runs with values from one place.
pub(super) struct Runs<'x> {
    relay: &'x Relay,
    pairs: &'x [Pair],
    given: &'x Given,
    /// The first model as it is.
    first: OnceCell<Result<Loaded, CouldNotRun>>,
}

/// Why sizes are none with which both models can be compared.
enum Refused {
    /// Others may do.
    Sizes(CouldNotRun),
    /// No others will.
    All(CouldNotRun),
}

impl<'x> Runs<'x> {
    pub fn new(relay: &'x Relay, pairs: &'x [Pair], given: &'x Given) -> Runs<'x> {
        Runs { relay, pairs, given, first: OnceCell::new() }
    }

    /// Runs both models with each seed at one choice of sizes, and once more with others where extents are open. Returns how
    /// often values were drawn anew.
    pub fn perform(&self, samples: usize, gathered: &mut Gathered) -> Result<usize, CouldNotRun> {
        let Some(Pair { lead, .. }) = self.pairs.first() else { return Ok(0) };
        let given = self.given.by_name(&lead.loaded.inputs())?;
        let sizes = self.relay.sizes.with(&given);
        let specs = self.first_sizes(lead, &sizes, gathered)?;
        let drawn = specs.iter().any(|spec| !given.contains_key(&spec.name));
        let samples = if drawn { samples.max(1) } else { 1 };
        for sample in 1..samples {
            let run = lead.loaded.bind(&specs)?;
            self.at(&specs, run, sample, gathered).map_err(|(Refused::Sizes(error) | Refused::All(error))| error)?;
        }
        self.other_sizes(lead, &sizes, &specs, gathered)?;
        Ok(samples)
    }

    /// Runs both models at the best choice of sizes that they take.
    fn first_sizes(&self, lead: &Lead, sizes: &Sizes, gathered: &mut Gathered) -> Result<Vec<InputSpec>, CouldNotRun> {
        let choice = |small| {
            choices(lead.loaded.signature(), sizes, Asked { reach: lead.loaded.reach(), small, traced: true, ..Asked::default() })
        };
        let mut all = choice(false)?;
        let (mut from, mut reason) = (0, None);
        loop {
            let rest = all.get(from..).unwrap_or_default();
            let (found, refused) = lead.loaded.choose(rest);
            self.taken_by_the_first(refused.iter().filter_map(|(at, error)| Some((rest.get(*at)?, error))))?;
            let Some((at, run)) = found else {
                let error = refused.into_iter().next().map(|(_, error)| error);
                let none = || CouldNotRun::Model("there is no size to try".to_owned());
                return Err(reason.or(error).unwrap_or_else(none));
            };
            let cost = run.cost();
            let small = self.relay.everywhere() && (cost.products > LONG || self.is_too_much(cost).is_some());
            let smaller = if small { choice(true)? } else { vec![] };
            if smaller.len() > 1 && all.len() == 1 {
                (all, from) = (smaller, 0);
                continue;
            }
            if let Some(error) = self.is_too_much(cost) {
                return Err(error);
            }
            let specs = rest.get(at).cloned().unwrap_or_default();
            match self.at(&specs, run, 0, gathered) {
                Ok(()) => return Ok(specs),
                Err(Refused::All(error)) => return Err(error),
                Err(Refused::Sizes(error)) => {
                    reason.get_or_insert(error);
                    from += at + 1;
                }
            }
        }
    }

    /// Runs both models with other sizes for what is open, all at once if they take that, else for as much as they take.
    fn other_sizes(&self, lead: &Lead, sizes: &Sizes, specs: &[InputSpec], gathered: &mut Gathered) -> Result<(), CouldNotRun> {
        let mut open: BTreeMap<String, usize> = specs.iter().flat_map(|spec| spec.assumed.iter().cloned()).collect();
        if open.is_empty() || specs.iter().any(|spec| spec.assumed.iter().any(|(name, _)| name.ends_with(IN_THE_MODEL))) {
            return Ok(());
        }
        let (beyond, reach) = (self.relay.beyond, lead.loaded.reach());
        let asked = |run, first, reach| choices(lead.loaded.signature(), sizes, Asked { run, first, reach, ..Asked::default() });
        // Beyond what no model here runs at, nothing larger is tried.
        let larger = if beyond < LARGEST { beyond + 1 } else { 0 };
        let mut all = asked(1, 0, reach.max(larger))?;
        all.extend(asked(1, larger, reach)?);
        all.extend(asked(0, 0, reach)?);
        let elements = |specs: &[InputSpec]| specs.iter().map(|spec| spec.dims.iter().product::<usize>()).sum::<usize>();
        // Another size says something where one of both is larger than every integer that stands in one file only.
        let is_other = |one: usize, two: usize| one != two && one.max(two) > beyond;
        let others = |specs: &[InputSpec], open: &BTreeMap<String, usize>| {
            let assumed: BTreeMap<&String, usize> = specs.iter().flat_map(|spec| &spec.assumed).map(|(n, s)| (n, *s)).collect();
            open.iter().filter(|(name, size)| assumed.get(name).is_some_and(|other| is_other(*other, **size))).count()
        };
        // First what differs in everything; of that the smallest. What holds for 1 says least.
        let has_one = |specs: &[InputSpec]| specs.iter().flat_map(|spec| &spec.assumed).any(|(_, size)| *size == 1);
        all.sort_by_key(|specs| (has_one(specs), open.len() - others(specs, &open), elements(specs)));
        let everywhere = self.relay.everywhere();
        for other in &all {
            let cheap = 2 * elements(other) <= elements(specs);
            if open.is_empty() || others(other, &open) == 0 || everywhere && (!cheap || has_one(other)) {
                continue;
            }
            let run = match lead.loaded.bind(other) {
                Ok(run) => run,
                Err(error) => {
                    self.taken_by_the_first(std::iter::once((other, &error)))?;
                    continue;
                }
            };
            if run.cost().is_beyond() && elements(other) > elements(specs) {
                continue;
            }
            match self.at(other, run, 0, gathered) {
                Ok(()) => {
                    let taken: BTreeMap<&String, usize> = other.iter().flat_map(|s| &s.assumed).map(|(n, s)| (n, *s)).collect();
                    open.retain(|name, size| taken.get(name).is_none_or(|other| !is_other(*other, *size)));
                }
                Err(Refused::All(error)) if !is_the_engines(&error) => return Err(error),
                Err(_) => {}
            }
        }
        if !everywhere {
            self.ones(lead, sizes, (specs, beyond), &mut open, gathered)?;
            let names: BTreeSet<String> = open.iter().map(|(name, size)| format!("{name} = {size}")).collect();
            let told =
                names.iter().map(|name| format!("judged for {name} alone, as the models run at no other size that was tried"));
            gathered.report.assumptions.extend(told);
            if beyond > 0 && !open.is_empty() {
                let why = format!("{beyond} stands in one file only, and the models run at no larger size");
                let unseen =
                    gathered.sites.values_mut().filter(|site| self.relay.sites.get(site.plan).is_some_and(|s| !s.everywhere));
                unseen.for_each(|site| site.unjudged = site.unjudged.take().or_else(|| Some(why.clone())));
            }
        }
        Ok(())
    }

    /// Both models with 1 for each extent for which they were found to take one size alone: what is broadcast takes that, too.
    fn ones(
        &self,
        lead: &Lead,
        sizes: &Sizes,
        (specs, beyond): (&[InputSpec], usize),
        open: &mut BTreeMap<String, usize>,
        gathered: &mut Gathered,
    ) -> Result<(), CouldNotRun> {
        for (name, size) in open.clone() {
            let mut one = sizes.clone();
            one.symbols.extend(open.iter().map(|(name, size)| (name.clone(), *size)));
            one.symbols.insert(name.clone(), 1);
            let all = choices(lead.loaded.signature(), &one, Asked::default())?;
            let Some(other) = all.into_iter().next().filter(|other| other != specs) else { continue };
            let Ok(run) = lead.loaded.bind(&other) else { continue };
            match self.at(&other, run, 0, gathered) {
                Ok(()) if size > beyond => {
                    open.remove(&name);
                }
                Err(Refused::All(error)) if !is_the_engines(&error) => return Err(error),
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }

    /// Both models at these sizes, with each branch of every If.
    fn at(&self, specs: &[InputSpec], run: Run, sample: usize, gathered: &mut Gathered) -> Result<(), Refused> {
        let seed = self.relay.seed.wrapping_add(sample as u64);
        let (mut run, mut found) = (Some(run), Gathered::default());
        for pair in self.pairs {
            match self.pair(pair, specs, (run.take(), seed), &mut found) {
                Ok(()) => {}
                Err(error) if !is_the_engines(&error) => return Err(Refused::All(error)),
                Err(error) if self.first_runs(specs) => return Err(Refused::All(self.of_the_second(specs, error))),
                Err(error) => return Err(Refused::Sizes(error)),
            }
        }
        gathered.absorb(found, specs);
        Ok(())
    }

    fn pair(
        &self,
        pair: &Pair,
        specs: &[InputSpec],
        (run, seed): (Option<Run>, u64),
        found: &mut Gathered,
    ) -> Result<(), CouldNotRun> {
        let given = self.given.by_name(&pair.lead.loaded.inputs())?;
        let run = run.map_or_else(|| pair.lead.loaded.bind(specs), Ok)?;
        let values = seeded_inputs(specs, seed, &given)?.into_iter().map(|(name, value)| (name, value.into())).collect();
        found.absorb(pair.follower.follow(self.relay, (&pair.lead, &run), &values, specs)?, specs);
        found.report.seeded |= specs.iter().any(|spec| !given.contains_key(&spec.name));
        found.report.assumptions.extend(pair.lead.assumptions.iter().cloned());
        if let Some(plain) = &pair.plain {
            self.tapped((plain, &pair.lead.loaded), specs, (seed, &given), found);
        }
        Ok(())
    }

    /// How far values in between are off where each model computes everything by itself: so it is seen where an error arrives. It
    /// decides nothing.
    fn tapped(
        &self,
        (first, second): (&Loaded, &Loaded),
        specs: &[InputSpec],
        (seed, given): (u64, &BTreeMap<String, Array>),
        found: &mut Gathered,
    ) {
        let taps = &self.relay.taps;
        let made = |loaded: &Loaded| {
            let values = seeded_inputs(specs, seed, given)?;
            loaded.bind_part(specs, &|name| taps.iter().any(|tap| tap == name))?.run(&values)
        };
        match beside(|| made(first), || made(second)) {
            (Ok(ours), Ok(theirs)) => {
                let both = taps.iter().filter_map(|tap| Some((tap, theirs.get(tap)?, ours.get(tap)?)));
                both.for_each(|(name, theirs, ours)| found.tap(judge::tap(name, theirs, ours)));
            }
            (Err(error), _) | (_, Err(error)) => {
                found.report.assumptions.push(format!("no value in between is told, as a model does not run by itself: {error}"));
            }
        }
    }

    /// What the second model refuses and the first takes.
    fn taken_by_the_first<'s>(
        &self,
        refused: impl Iterator<Item = (&'s Vec<InputSpec>, &'s CouldNotRun)>,
    ) -> Result<(), CouldNotRun> {
        for (specs, error) in refused {
            if is_the_engines(error) && self.first_runs(specs) {
                return Err(self.second(specs, error));
            }
        }
        Ok(())
    }

    /// More is said if the second model does not run and the first would.
    fn of_the_second(&self, specs: &[InputSpec], error: CouldNotRun) -> CouldNotRun {
        let second = self.pairs.first().map(|pair| pair.lead.loaded.bind(specs).and_then(|run| self.drive(&run, specs)));
        match second {
            Some(Err(_)) => self.second(specs, &error),
            _ => error,
        }
    }

    /// What is said where the first model runs and the second does not.
    fn second(&self, specs: &[InputSpec], error: &CouldNotRun) -> CouldNotRun {
        let (before, after) = (&self.relay.before, &self.relay.after);
        let first = self.first.get().and_then(|first| first.as_ref().ok()).and_then(|first| first.bind(specs).ok());
        let values = self.values(specs);
        let found = first.zip(values.ok()).and_then(|(run, values)| {
            slowly::both((before, after), self.relay.freeze, (specs, &values), run.cost())?
                .err()
                .filter(CouldNotRun::is_of_the_second)
        });
        found.unwrap_or_else(|| CouldNotRun::Second(format!("{error}{}", at(specs))))
    }

    /// Whether the first model runs at these sizes.
    fn first_runs(&self, specs: &[InputSpec]) -> bool {
        let first = self.first.get_or_init(|| plain(self.relay, Branch::Then));
        let Ok(first) = first else { return false };
        first.bind(specs).is_ok_and(|run| run.cost().is_beyond() || self.drive(&run, specs).is_ok())
    }

    fn drive(&self, run: &Run, specs: &[InputSpec]) -> Result<(), CouldNotRun> {
        run.run(&self.values(specs)?).map(drop)
    }

    fn values(&self, specs: &[InputSpec]) -> Result<BTreeMap<String, Array>, CouldNotRun> {
        let given = self.given.by_name(&specs.iter().map(|spec| spec.name.as_str()).collect::<Vec<_>>())?;
        seeded_inputs(specs, self.relay.seed, &given)
    }

    /// Whether a run takes more memory than there is: the second model, the first, and the limits each need it.
    fn is_too_much(&self, cost: Cost) -> Option<CouldNotRun> {
        let needed = cost.bytes.saturating_mul(2);
        let told = || format!("about {} MB, and may have {} MB", needed >> 20, self.relay.memory >> 20);
        (self.relay.memory > 0 && needed > self.relay.memory).then(|| CouldNotRun::Memory(told()))
    }
}

/// The first model as it is.
fn plain(relay: &Relay, branch: Branch) -> Result<Loaded, CouldNotRun> {
    let mut model = load(&relay.before)?;
    computed::settle(&mut model, &relay.before, relay.freeze)?;
    Loaded::parse(prepare(model, branch)?, &relay.taps)
}

/// Ends the name of an extent that the model fixes.
const IN_THE_MODEL: &str = " in the model)";

fn is_the_engines(error: &CouldNotRun) -> bool {
    matches!(error, CouldNotRun::Engine(_) | CouldNotRun::Panic(_) | CouldNotRun::Operator { .. })
}

/// The open sizes in words.
fn at(specs: &[InputSpec]) -> String {
    let sizes: Vec<String> = specs.iter().flat_map(|spec| &spec.assumed).map(|(name, size)| format!("{name} = {size}")).collect();
    if sizes.is_empty() { String::new() } else { format!(" (at {})", sizes.join(", ")) }
}
