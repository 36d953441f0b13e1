//! What is told from the tree of an expression, before it is evaluated.

use cel::{
    IdedExpr,
    common::ast::{ComprehensionExpr, EntryExpr, Expr, IdedEntryExpr, operators},
};

/// Steps that copying a text counts for.
const JOIN: u64 = 16;
/// What comes out true or false, or a number, however much it looks at.
const CONDITIONS: [&str; 12] = [
    operators::LESS,
    operators::LESS_EQUALS,
    operators::GREATER,
    operators::GREATER_EQUALS,
    operators::LOGICAL_AND,
    operators::LOGICAL_OR,
    operators::LOGICAL_NOT,
    operators::NOT_STRICTLY_FALSE,
    "size",
    "contains",
    "startsWith",
    "endsWith",
];

/// How deep round brackets are nested at most; those within texts count too.
pub(super) fn brackets(text: &str) -> usize {
    let mut open = 0_usize;
    let mut deepest = 0;
    for byte in text.bytes() {
        match byte {
            b'(' => open += 1,
            b')' => open = open.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(open);
    }
    deepest
}

/// Levels of the tree, counted without going down the stack.
pub(super) fn levels(expression: &IdedExpr) -> usize {
    let mut level = vec![expression];
    let mut count = 0;
    while !level.is_empty() {
        count += 1;
        level = level.into_iter().flat_map(all_parts).collect();
    }
    count
}

/// The first name that is neither in `scope` nor bound by a loop around it.
pub(super) fn undeclared_name<'a>(
    expression: &'a IdedExpr,
    scope: &mut Vec<&'a str>,
) -> Option<&'a str> {
    match &expression.expr {
        Expr::Ident(name) => (!scope.contains(&name.as_str())).then_some(name),
        Expr::Comprehension(loops) => {
            let mut outside = [&loops.iter_range, &loops.accu_init].into_iter();
            if let Some(name) = outside.find_map(|inner| undeclared_name(inner, scope)) {
                return Some(name);
            }
            let known = scope.len();
            scope.extend([&*loops.iter_var, &*loops.accu_var]);
            scope.extend(loops.iter_var2.as_deref());
            let mut inside = [&loops.loop_cond, &loops.loop_step, &loops.result].into_iter();
            let found = inside.find_map(|inner| undeclared_name(inner, scope));
            scope.truncate(known);
            found
        }
        _ => parts(expression)
            .into_iter()
            .find_map(|inner| undeclared_name(inner, scope)),
    }
}

/// What an evaluation comes to at most, and the value that comes of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Weight {
    /// Nodes evaluated, loops multiplied, and what adding copies and comparing looks at.
    pub(super) steps: u64,
    /// Texts and numbers of which the value is made; a list or a map of the facts counts once.
    size: u64,
    /// How deep lists and maps may lie in it.
    depth: u32,
}

const NOTHING: Weight = Weight {
    steps: 0,
    size: 0,
    depth: 0,
};

/// Weighs expressions over facts in which the largest list or map has `widest` entries.
pub(super) struct Scale<'a> {
    pub(super) widest: u64,
    /// What loops have bound.
    bound: Vec<(&'a str, u64, u32)>,
}

impl<'a> Scale<'a> {
    pub(super) fn new(widest: usize) -> Self {
        Self {
            widest: u64::try_from(widest).unwrap_or(u64::MAX).max(1),
            bound: Vec::new(),
        }
    }

    pub(super) fn weigh(&mut self, expression: &'a IdedExpr) -> Weight {
        match &expression.expr {
            Expr::Ident(name) => {
                let bound = self.bound.iter().rev().find(|(known, ..)| known == name);
                let (size, depth) =
                    bound.map_or((1, fact_depth(name)), |(_, size, depth)| (*size, *depth));
                return Weight {
                    steps: 1,
                    size,
                    depth,
                };
            }
            Expr::Comprehension(loops) => return self.weigh_loop(loops),
            _ => {}
        }
        let parts = parts(expression).into_iter();
        let parts: Vec<_> = parts.map(|part| self.weigh(part)).collect();
        let sum = parts.iter().fold(NOTHING, |sum, part| Weight {
            steps: sum.steps.saturating_add(part.steps),
            size: sum.size.saturating_add(part.size),
            depth: sum.depth.max(part.depth),
        });
        let all = Weight {
            steps: sum.steps.saturating_add(1),
            size: sum.size.max(1),
            ..sum
        };
        match &expression.expr {
            Expr::Select(select) => Weight {
                depth: match &select.operand.expr {
                    Expr::Ident(name) if matches!(&**name, "version" | "target") => {
                        field_depth(&select.field)
                    }
                    _ => all.depth.saturating_sub(1),
                },
                ..all
            },
            Expr::Call(call) => self.weigh_call(&call.func_name, &parts, all),
            Expr::List(_) | Expr::Map(_) | Expr::Struct(_) => Weight {
                depth: all.depth.saturating_add(1),
                ..all
            },
            _ => all,
        }
    }

    /// A call with these arguments, `all` of them together.
    fn weigh_call(&self, function: &str, arguments: &[Weight], all: Weight) -> Weight {
        let depth = |place: usize| arguments.get(place).map_or(0, |weight| weight.depth);
        match function {
            operators::ADD => Weight {
                steps: all.steps.saturating_add(all.size.saturating_mul(JOIN)),
                ..all
            },
            operators::INDEX => Weight {
                depth: depth(0).saturating_sub(1),
                ..all
            },
            operators::EQUALS | operators::NOT_EQUALS => self.compared(all, depth(0).min(depth(1))),
            operators::IN => self.compared(all, depth(0).min(depth(1).saturating_sub(1))),
            name if CONDITIONS.contains(&name) => self.compared(all, 0),
            _ => all,
        }
    }

    /// A condition over what was weighed, which looks at all of it, lists and maps so deep.
    fn compared(&self, weight: Weight, deep: u32) -> Weight {
        let looked_at = weight.size.saturating_mul(self.widest.saturating_pow(deep));
        Weight {
            steps: weight.steps.saturating_add(looked_at),
            size: 1,
            depth: 0,
        }
    }

    fn weigh_loop(&mut self, loops: &'a ComprehensionExpr) -> Weight {
        let range = self.weigh(&loops.iter_range);
        let start = self.weigh(&loops.accu_init);
        let turns = range.size.saturating_mul(self.widest);
        let known = self.bound.len();
        let inner = range.depth.saturating_sub(1);
        let names = [Some(&loops.iter_var), loops.iter_var2.as_ref()];
        let names = names.into_iter().flatten();
        self.bound
            .extend(names.map(|name| (name.as_str(), range.size, inner)));
        self.bound.push((&loops.accu_var, start.size, start.depth));
        let condition = self.weigh(&loops.loop_cond);
        let step = self.weigh(&loops.loop_step);
        let grown = turns.saturating_mul(step.size).saturating_add(start.size);
        self.bound.push((&loops.accu_var, grown, step.depth));
        let result = self.weigh(&loops.result);
        self.bound.truncate(known);
        let turn = condition.steps.saturating_add(step.steps);
        let once = [range.steps, start.steps, result.steps];
        Weight {
            steps: once
                .into_iter()
                .fold(turns.saturating_mul(turn), u64::saturating_add),
            ..result
        }
    }
}

/// How deep lists and maps lie in a fact.
fn fact_depth(name: &str) -> u32 {
    match name {
        "metrics" | "approvals" | "mover" => 1,
        "version" | "checks" => 2,
        "target" => 4,
        _ => 0,
    }
}

/// And in a field of `version` or `target`.
fn field_depth(name: &str) -> u32 {
    match name {
        "tags" | "params" => 1,
        "versions" => 3,
        _ => 0,
    }
}

/// What an expression is made of, loops included.
fn all_parts(expression: &IdedExpr) -> Vec<&IdedExpr> {
    match &expression.expr {
        Expr::Comprehension(loops) => vec![
            &loops.iter_range,
            &loops.accu_init,
            &loops.loop_cond,
            &loops.loop_step,
            &loops.result,
        ],
        _ => parts(expression),
    }
}

/// What an expression is made of, loops excepted.
fn parts(expression: &IdedExpr) -> Vec<&IdedExpr> {
    match &expression.expr {
        Expr::Call(call) => call
            .target
            .as_deref()
            .into_iter()
            .chain(&call.args)
            .collect(),
        Expr::List(list) => list.elements.iter().collect(),
        Expr::Map(map) => entries(&map.entries),
        Expr::Struct(made) => entries(&made.entries),
        Expr::Select(select) => vec![&*select.operand],
        Expr::Comprehension(_) | Expr::Ident(_) | Expr::Literal(_) | Expr::Unspecified => {
            Vec::new()
        }
    }
}

fn entries(entries: &[IdedEntryExpr]) -> Vec<&IdedExpr> {
    let each = entries.iter().map(|entry| match &entry.expr {
        EntryExpr::StructField(field) => vec![&field.value],
        EntryExpr::MapEntry(entry) => vec![&entry.key, &entry.value],
    });
    each.flatten().collect()
}
