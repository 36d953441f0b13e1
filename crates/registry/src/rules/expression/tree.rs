//! What is told from the tree of an expression, before it is evaluated.

use cel::{
    IdedExpr,
    common::ast::{EntryExpr, Expr, IdedEntryExpr, operators},
};

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

/// Nodes that are evaluated if each loop turns `turns` times. Adding counts what it adds, since it may
/// join texts or lists.
pub(super) fn count(expression: &IdedExpr, turns: u64) -> u64 {
    let all = |inner: &[&IdedExpr]| {
        let each = inner.iter().map(|inner| count(inner, turns));
        each.fold(0, u64::saturating_add)
    };
    let inner = match &expression.expr {
        Expr::Comprehension(loops) => {
            let body = all(&[&loops.loop_cond, &loops.loop_step]);
            let once = all(&[&loops.iter_range, &loops.accu_init, &loops.result]);
            body.saturating_mul(turns).saturating_add(once)
        }
        Expr::Call(call) if call.func_name == operators::ADD => {
            all(&parts(expression)).saturating_add(size(expression))
        }
        _ => all(&parts(expression)),
    };
    inner.saturating_add(1)
}

/// Nodes of an expression outside of loops.
fn size(expression: &IdedExpr) -> u64 {
    let each = parts(expression).into_iter().map(size);
    each.fold(1, u64::saturating_add)
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
