//! The judgement whether two models compute the same.

pub mod reference;
