//! A model of the registry, as it would be if it did one call at a time.

use std::collections::{BTreeMap, BTreeSet};

use herdbook_e2e::linearizable::Sequential;

/// Whoever calls.
pub(super) type Who = usize;

/// The stages of the policy: any move goes, one into Production needs an approval unless it comes from Staging.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Stage {
    None,
    Staging,
    Production,
    Archived,
}

impl Stage {
    pub(super) const ALL: [Self; 4] = [Self::None, Self::Staging, Self::Production, Self::Archived];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Staging => "Staging",
            Self::Production => "Production",
            Self::Archived => "Archived",
        }
    }

    pub(super) fn named(name: &str) -> Self {
        let found = Self::ALL.into_iter().find(|stage| stage.name() == name);
        found.unwrap_or_else(|| panic!("there is no stage {name:?}"))
    }
}

/// What is asked, and by whom.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) who: Who,
    pub(super) what: What,
}

#[derive(Debug, Clone)]
pub(super) enum What {
    Create,
    Move { version: i64, to: Stage },
    RollBack,
    Approve { request: i64 },
    SetAlias { alias: &'static str, version: i64 },
    Get,
    ResolveProduction,
    ResolveAlias(&'static str),
    Stays,
}

/// What is answered. A revision is that of the change, `None` where the answer does not tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    Created {
        number: i64,
        revision: Option<i64>,
    },
    Moved {
        version: i64,
        displaced: Vec<i64>,
        revision: i64,
    },
    /// A request was opened, or, without a revision, is open.
    Pending {
        request: i64,
        revision: Option<i64>,
    },
    /// It stands there already.
    Refused {
        revision: i64,
    },
    /// Somebody else has the request open.
    OpenOfAnother {
        request: i64,
    },
    Closed,
    ByAuthor,
    NothingBefore,
    NotFound,
    /// Somebody was faster, and nothing was done.
    Overtaken,
    AliasSet,
    Model {
        latest: i64,
        stages: BTreeMap<Stage, Vec<i64>>,
        aliases: BTreeMap<String, i64>,
        revision: i64,
    },
    Version {
        number: i64,
        stage: Stage,
    },
    /// What stood in Production, newest first.
    Stays(Vec<i64>),
}

/// A registered model.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct Registered {
    versions: Vec<Version>,
    aliases: BTreeMap<String, i64>,
    /// Those that left Production, in order, and whether a rollback has undone that they stood there.
    left: Vec<(i64, bool)>,
    /// Open requests for Production, by version.
    requests: BTreeMap<i64, Request>,
    closed: BTreeSet<i64>,
    revision: Revision,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Version {
    stage: Stage,
    author: Who,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Request {
    /// `None` while nobody was told.
    id: Option<i64>,
    author: Who,
}

impl Request {
    /// Whether its number may be this; from now on it is.
    fn is(&mut self, id: i64) -> bool {
        *self.id.get_or_insert(id) == id
    }
}

/// The revision of the last change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
struct Revision {
    at_least: i64,
    /// Whether it is no more than that.
    exact: bool,
}

impl Revision {
    /// A change at `revision`, if the answer told it.
    fn change(&mut self, revision: Option<i64>) -> bool {
        let later = revision.is_none_or(|revision| revision > self.at_least);
        *self = Self {
            at_least: revision.unwrap_or(self.at_least + 1),
            exact: revision.is_some(),
        };
        later
    }

    /// Somebody read it.
    fn read(&mut self, revision: i64) -> bool {
        let fits = match self.exact {
            true => revision == self.at_least,
            false => revision >= self.at_least,
        };
        *self = Self {
            at_least: revision,
            exact: true,
        };
        fits
    }
}

/// What a call comes to.
enum Effect {
    /// A change.
    Created,
    Moved {
        version: i64,
        displaced: Vec<i64>,
    },
    Asked {
        version: i64,
    },
    Refused,
    AliasSet,
    /// None.
    Waits {
        version: i64,
        own: bool,
    },
    Says(Answer),
    Model,
}

impl Registered {
    fn stage(&self, number: i64) -> Option<Stage> {
        let place = usize::try_from(number - 1).ok()?;
        self.versions.get(place).map(|version| version.stage)
    }

    fn version(&mut self, number: i64) -> &mut Version {
        &mut self.versions[usize::try_from(number - 1).unwrap()]
    }

    fn within(&self, stage: Stage) -> Vec<i64> {
        let numbered = (1..).zip(&self.versions);
        let within = numbered.filter(|(_, version)| version.stage == stage);
        within.map(|(number, _)| number).collect()
    }

    /// Moves a version, and what it makes leave Production.
    fn moves(&mut self, version: i64, to: Stage, rolls_back: bool) -> Effect {
        let displaced = match to {
            Stage::Production => self.within(to),
            _ => Vec::new(),
        };
        let going = displaced.iter().map(|other| (*other, Stage::Archived));
        for (number, target) in going.chain([(version, to)]).collect::<Vec<_>>() {
            if self.stage(number) == Some(Stage::Production) {
                self.left.push((number, rolls_back));
            }
            self.version(number).stage = target;
            let request = self.requests.remove(&number);
            self.closed.extend(request.and_then(|request| request.id));
        }
        Effect::Moved { version, displaced }
    }

    /// Does a call.
    fn do_call(&mut self, call: &Call) -> Effect {
        let who = call.who;
        match &call.what {
            What::Create => {
                self.versions.push(Version {
                    stage: Stage::None,
                    author: who,
                });
                Effect::Created
            }
            What::Move { version, to } => match (self.stage(*version), *to) {
                (None, _) => Effect::Says(Answer::NotFound),
                (Some(from), to) if from == to => Effect::Refused,
                (Some(Stage::None | Stage::Archived), Stage::Production) => self.ask(*version, who),
                (Some(_), to) => self.moves(*version, to, false),
            },
            What::RollBack => {
                let stood = |(place, (number, undone)): (usize, &(i64, bool))| {
                    let back = !undone && self.stage(*number) != Some(Stage::Production);
                    back.then_some((place, *number))
                };
                let Some((place, number)) = self.left.iter().enumerate().rev().find_map(stood)
                else {
                    return Effect::Says(Answer::NothingBefore);
                };
                self.left[place..].iter_mut().for_each(|stay| stay.1 = true);
                self.moves(number, Stage::Production, true)
            }
            What::Approve { request } => self.approve(*request, who),
            What::SetAlias { alias, version } => {
                if self.stage(*version).is_none() {
                    return Effect::Says(Answer::NotFound);
                }
                self.aliases.insert((*alias).to_owned(), *version);
                Effect::AliasSet
            }
            What::Get => Effect::Model,
            What::ResolveProduction => {
                Effect::Says(self.shown(self.within(Stage::Production).pop()))
            }
            What::ResolveAlias(alias) => {
                Effect::Says(self.shown(self.aliases.get(*alias).copied()))
            }
            What::Stays => {
                let stands = self.within(Stage::Production).into_iter();
                let left = self.left.iter().rev().map(|(number, _)| *number);
                Effect::Says(Answer::Stays(stands.chain(left).collect()))
            }
        }
    }

    fn ask(&mut self, version: i64, who: Who) -> Effect {
        if let Some(open) = self.requests.get(&version) {
            let own = open.author == who;
            return Effect::Waits { version, own };
        }
        let request = Request {
            id: None,
            author: who,
        };
        self.requests.insert(version, request);
        Effect::Asked { version }
    }

    fn approve(&mut self, id: i64, who: Who) -> Effect {
        if self.closed.contains(&id) {
            return Effect::Says(Answer::Closed);
        }
        let open = self.requests.iter();
        let found = open.into_iter().find(|(_, open)| open.id == Some(id));
        let Some((version, author)) = found.map(|(version, open)| (*version, open.author)) else {
            return Effect::Says(Answer::NotFound);
        };
        if who == author || who == self.version(version).author {
            return Effect::Says(Answer::ByAuthor);
        }
        self.moves(version, Stage::Production, false)
    }

    fn shown(&self, number: Option<i64>) -> Answer {
        let found = number.and_then(|number| Some((number, self.stage(number)?)));
        found.map_or(Answer::NotFound, |(number, stage)| Answer::Version {
            number,
            stage,
        })
    }

    /// Whether a call that came to `effect` is answered so.
    fn answers(&mut self, effect: Effect, answer: &Answer) -> bool {
        match (effect, answer) {
            (Effect::Created, Answer::Created { number, revision }) => {
                usize::try_from(*number) == Ok(self.versions.len())
                    && self.revision.change(*revision)
            }
            (
                Effect::Moved { version, displaced },
                Answer::Moved {
                    version: told,
                    displaced: away,
                    revision,
                },
            ) => (version, &displaced) == (*told, away) && self.revision.change(Some(*revision)),
            (Effect::Asked { version }, Answer::Pending { request, revision }) => {
                let open = self.requests.get_mut(&version);
                *revision == Some(*request)
                    && open.is_some_and(|open| open.is(*request))
                    && self.revision.change(*revision)
            }
            (Effect::Refused, Answer::Refused { revision }) => {
                self.revision.change(Some(*revision))
            }
            (Effect::AliasSet, Answer::AliasSet) => self.revision.change(None),
            (
                Effect::Waits { version, own: true },
                Answer::Pending {
                    request,
                    revision: None,
                },
            )
            | (
                Effect::Waits {
                    version,
                    own: false,
                },
                Answer::OpenOfAnother { request },
            ) => {
                let open = self.requests.get_mut(&version);
                open.is_some_and(|open| open.is(*request))
            }
            (Effect::Says(says), told) => says == *told,
            (
                Effect::Model,
                Answer::Model {
                    latest,
                    stages,
                    aliases,
                    revision,
                },
            ) => {
                let all = Stage::ALL.map(|stage| (stage, self.within(stage)));
                let held = all.into_iter().filter(|(_, numbers)| !numbers.is_empty());
                usize::try_from(*latest) == Ok(self.versions.len())
                    && held.collect::<BTreeMap<_, _>>() == *stages
                    && self.aliases == *aliases
                    && self.revision.read(*revision)
            }
            _ => false,
        }
    }
}

impl Sequential for Registered {
    type Call = Call;
    type Answer = Answer;

    fn step(&self, call: &Call, answer: Option<&Answer>) -> Option<Self> {
        if answer == Some(&Answer::Overtaken) {
            let may = matches!(
                call.what,
                What::Move { .. } | What::RollBack | What::Approve { .. }
            );
            return may.then(|| self.clone());
        }
        let mut after = self.clone();
        let effect = after.do_call(call);
        match (answer, effect) {
            (Some(answer), effect) => after.answers(effect, answer).then_some(after),
            (None, Effect::Waits { .. } | Effect::Says(_) | Effect::Model) => None,
            // A refusal is a change too: it stands in the audit log.
            (None, _) => after.revision.change(None).then_some(after),
        }
    }
}
