//! The functions that a model defines, and which node calls which.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::{Error, ErrorKind, Result};
use crate::model::graph::is_standard_domain;
use crate::onnx::{AttributeProto, FunctionProto, ModelProto, NodeProto};

/// How deep calls may stand in each other: what walks through them must not meet the end of the stack.
const DEEPEST: usize = 100;

/// Domain, name and overload.
type Key<'m> = (&'m str, &'m str, &'m str);

fn key<'m>(domain: &'m str, name: &'m str, overload: &'m str) -> Key<'m> {
    (if is_standard_domain(domain) { "" } else { domain }, name, overload)
}

/// Domains in which runtimes have operators of their own; the standard one is empty.
const KNOWN: [&str; 4] = ["", "ai.onnx.ml", "ai.onnx.training", "com.microsoft"];

/// The functions of a model by what calls them.
#[derive(Debug, Default)]
pub struct Functions<'m> {
    protos: &'m [FunctionProto],
    by_key: BTreeMap<Key<'m>, usize>,
    names: BTreeSet<(&'m str, &'m str)>,
}

impl<'m> Functions<'m> {
    /// The functions of a model.
    ///
    /// # Errors
    /// A function that calls itself, be it by way of others; calls that stand too deep in each other.
    pub fn of(model: &'m ModelProto) -> Result<Functions<'m>> {
        let protos = &model.functions[..];
        let mut functions = Functions { protos, ..Functions::default() };
        let mut twice = BTreeSet::new();
        for (index, f) in protos.iter().enumerate() {
            let key = key(f.domain(), f.name(), f.overload());
            functions.names.insert((key.0, key.1));
            if functions.by_key.insert(key, index).is_some() {
                twice.insert(key);
            }
        }
        // Which of two is meant, nobody can tell; nor whether a runtime takes a function or the operator of that name that it has
        // itself (onnx.proto leaves that to runtimes). Nodes that name them are left alone.
        functions.by_key.retain(|key, _| !twice.contains(key) && !KNOWN.contains(&key.0));
        functions.check()?;
        Ok(functions)
    }

    /// The position of the function that a node calls, if it calls one.
    pub fn called(&self, node: &NodeProto) -> Option<usize> {
        self.by_key.get(&key(node.domain(), node.op_type(), node.overload())).copied()
    }

    /// Whether a function has the name of a node's operator, whatever its overload.
    pub fn names(&self, node: &NodeProto) -> bool {
        let (domain, name, _) = key(node.domain(), node.op_type(), "");
        self.names.contains(&(domain, name))
    }

    /// A function.
    pub fn get(&self, index: usize) -> Option<&'m FunctionProto> {
        self.protos.get(index)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.protos.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.protos.is_empty()
    }

    /// Looks for a function that calls itself: functions are taken away as soon as they call none that is left.
    fn check(&self) -> Result<()> {
        let mut calls = Vec::with_capacity(self.protos.len());
        let mut depths = vec![1; self.protos.len()];
        let mut callers = vec![Vec::new(); self.protos.len()];
        for (index, f) in self.protos.iter().enumerate() {
            let called: BTreeSet<usize> = nodes(&f.node).into_iter().filter_map(|n| self.called(n)).collect();
            for one in &called {
                if let Some(list) = callers.get_mut(*one) {
                    list.push(index);
                }
            }
            calls.push(called.len());
        }
        let mut ready: Vec<usize> = (0..calls.len()).filter(|index| calls.get(*index) == Some(&0)).collect();
        while let Some(index) = ready.pop() {
            let depth = depths.get(index).copied().unwrap_or_default();
            if depth > DEEPEST {
                let what = format!("functions call functions more than {DEEPEST} deep");
                return Err(self.refused(index, &what).remedy("inline some of them when the model is exported"));
            }
            for caller in callers.get(index).into_iter().flatten() {
                if let Some(known) = depths.get_mut(*caller) {
                    *known = depth.saturating_add(1).max(*known);
                }
                if let Some(left) = calls.get_mut(*caller) {
                    *left = left.saturating_sub(1);
                    if *left == 0 {
                        ready.push(*caller);
                    }
                }
            }
        }
        // What is left calls itself, or one that does.
        match calls.iter().position(|left| *left > 0) {
            None => Ok(()),
            Some(index) => {
                let error = self.refused(index, "the function calls itself, or another that does");
                Err(error.remedy("the model is broken; export it again"))
            }
        }
    }

    fn refused(&self, index: usize, what: &str) -> Error {
        let name = self.get(index).map_or_else(String::new, |f| format!("function {}:{}", f.domain(), f.name()));
        Error::new(ErrorKind::Graph, what).at(name)
    }
}

/// The attributes that a function is called with.
#[derive(Debug, Default)]
pub struct Arguments<'m> {
    /// Absent where the call itself hands on an attribute of a function around it.
    by_name: BTreeMap<&'m str, Option<&'m AttributeProto>>,
}

/// What a reference to an attribute of the function around stands for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Argument<'m> {
    /// This attribute.
    Given(&'m AttributeProto),
    /// Nothing: the attribute that refers to it is absent.
    Absent,
    /// It is not known.
    Unknown,
}

impl<'m> Arguments<'m> {
    /// Those of a call, with the function's defaults.
    pub fn of(function: &'m FunctionProto, call: &'m NodeProto) -> Arguments<'m> {
        let all = function.attribute_proto.iter().chain(&call.attribute);
        let known = |a: &'m AttributeProto| a.ref_attr_name().is_empty().then_some(a);
        Arguments { by_name: all.map(|attribute| (attribute.name(), known(attribute))).collect() }
    }

    /// What a reference stands for.
    pub fn get(&self, name: &str) -> Argument<'m> {
        match self.by_name.get(name) {
            Some(Some(attribute)) => Argument::Given(attribute),
            Some(None) => Argument::Unknown,
            None => Argument::Absent,
        }
    }
}

/// All nodes of a list, those of nested graphs included.
pub fn nodes(list: &[NodeProto]) -> Vec<&NodeProto> {
    let mut found: Vec<&NodeProto> = list.iter().collect();
    let mut at = 0;
    while let Some(node) = found.get(at).copied() {
        found.extend(node.attribute.iter().flat_map(|a| a.g.iter().chain(&a.graphs)).flat_map(|graph| &graph.node));
        at += 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(name: &str, overload: &str, calls: &[&str]) -> FunctionProto {
        let call = |name: &&str| NodeProto { op_type: Some((*name).into()), domain: Some("d".into()), ..Default::default() };
        let text = |s: &str| Some(s.to_owned());
        FunctionProto {
            name: text(name),
            domain: text("d"),
            overload: text(overload),
            node: calls.iter().map(call).collect(),
            ..Default::default()
        }
    }

    fn model(functions: Vec<FunctionProto>) -> ModelProto {
        ModelProto { functions, ..Default::default() }
    }

    #[test]
    fn a_function_that_calls_itself_is_an_error() {
        assert!(
            Functions::of(&model(vec![function("a", "", &["b"]), function("b", "", &["c"]), function("c", "", &[])])).is_ok()
        );
        for calls in [["b", "a"], ["b", "b"]] {
            let broken = model(vec![function("a", "", &calls[..1]), function("b", "", &calls[1..])]);
            let error = Functions::of(&broken).unwrap_err();
            assert!(error.to_string().contains("calls itself"), "{error}");
        }
    }

    #[test]
    fn domain_name_and_overload_must_fit_and_be_alone() {
        let model = model(vec![function("a", "", &[]), function("a", "o", &[]), function("b", "", &[]), function("b", "", &[])]);
        let functions = Functions::of(&model).unwrap();
        let call = |domain: &str, name: &str, overload: &str| {
            let text = |s: &str| Some(s.to_owned());
            let node = NodeProto { domain: text(domain), op_type: text(name), overload: text(overload), ..NodeProto::default() };
            functions.called(&node)
        };
        assert_eq!([call("d", "a", ""), call("d", "a", "o")], [Some(0), Some(1)]);
        assert_eq!([call("d", "a", "p"), call("", "a", ""), call("d", "b", "")], [None; 3]);
    }
}
