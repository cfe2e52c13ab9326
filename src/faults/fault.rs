//! The kinds of faults, by name: what folding tools get wrong, and what no tool would do but a bit that flips.

use crate::model::Element;

/// A way in which a fold is wrong. Where a number is given, it is the relative size of the error.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    /// The normalization's bias β is taken for 0.
    BetaOmitted,
    /// The linear operator's own bias does not enter the new one; if it has none, the new bias is 0.
    BiasDropped,
    /// One element of the new bias is off by so much of the root mean square of all.
    BiasElement(f64),
    /// The linear operator's bias is added without the scale.
    BiasUnscaled,
    /// The scale is applied twice.
    ScaledTwice,
    /// Every channel takes the map of the next.
    OffByOne,
    /// Two channels exchange their maps.
    ChannelsSwapped,
    /// The channels of a group are taken for those of the first.
    GroupMapping,
    /// ε is taken for 0.
    EpsilonOmitted,
    /// ε is taken for the default of 1e-5.
    EpsilonDefault,
    /// The new constants were rounded to a narrower type on their way.
    FoldedIn(Element),
    /// Scale, bias, mean and variance were rounded to f16 before.
    StatisticsInF16,
    /// A shift goes through a convolution that pads.
    ForwardThroughPadding,
    /// The factor α of a Gemm is lost.
    AlphaIgnored,
    /// The factor β of a Gemm is lost.
    BetaIgnored,
    /// The BatchNormalization goes, and nothing takes its place.
    Identity,
    /// The mean is taken for 0.
    MeanOmitted,
    /// The mean is added instead of subtracted.
    MeanSign,
    /// Every channel takes the γ of the next.
    NeighbourGamma,
    /// One of several readers does not take part in the fold, although it reads what was changed.
    SecondReader,
    /// A node that read the result reads what went into the fold.
    ReaderRewired,
    /// The scale of the channel with the smallest scale is off.
    DeadChannel(f64),
    /// The scale of one channel is off.
    ChannelScale(f64),
    /// The scale is divided by the variance instead of by its root.
    VarianceForDeviation,
    /// One weight is off.
    Weight(f64),
    /// The scale goes along the other axis of the weight.
    WrongAxis,
    /// A NaN among the constants becomes 0.
    NanMadeZero,
    /// A negative variance is folded as if it were none.
    NegativeVariance,
}

impl Fault {
    /// Every kind, with every size.
    pub const ALL: [Fault; 39] = [
        Fault::BetaOmitted,
        Fault::BiasDropped,
        Fault::BiasElement(1e-3),
        Fault::BiasElement(1e-5),
        Fault::BiasUnscaled,
        Fault::ScaledTwice,
        Fault::OffByOne,
        Fault::ChannelsSwapped,
        Fault::GroupMapping,
        Fault::EpsilonOmitted,
        Fault::EpsilonDefault,
        Fault::FoldedIn(Element::F16),
        Fault::FoldedIn(Element::BF16),
        Fault::StatisticsInF16,
        Fault::ForwardThroughPadding,
        Fault::AlphaIgnored,
        Fault::BetaIgnored,
        Fault::Identity,
        Fault::MeanOmitted,
        Fault::MeanSign,
        Fault::NeighbourGamma,
        Fault::SecondReader,
        Fault::ReaderRewired,
        Fault::DeadChannel(1e-1),
        Fault::DeadChannel(1e-2),
        Fault::ChannelScale(1e-2),
        Fault::ChannelScale(1e-3),
        Fault::ChannelScale(1e-4),
        Fault::ChannelScale(1e-5),
        Fault::ChannelScale(1e-6),
        Fault::VarianceForDeviation,
        Fault::Weight(1e-1),
        Fault::Weight(1e-2),
        Fault::Weight(1e-3),
        Fault::Weight(1e-4),
        Fault::WrongAxis,
        Fault::NanMadeZero,
        Fault::NegativeVariance,
        Fault::FoldedIn(Element::F32),
    ];

    /// The kind in words, with its size.
    pub fn name(self) -> String {
        let sized = |words: &str, size: f64| format!("{words} off by {size:e}");
        match self {
            Fault::BetaOmitted => "bias of the normalization omitted".into(),
            Fault::BiasDropped => "bias dropped".into(),
            Fault::BiasElement(size) => sized("one bias", size),
            Fault::BiasUnscaled => "bias unscaled".into(),
            Fault::ScaledTwice => "scaled twice".into(),
            Fault::OffByOne => "channels off by one".into(),
            Fault::ChannelsSwapped => "two channels swapped".into(),
            Fault::GroupMapping => "groups ignored".into(),
            Fault::EpsilonOmitted => "epsilon omitted".into(),
            Fault::EpsilonDefault => "epsilon of the default".into(),
            Fault::FoldedIn(element) => format!("folded in {}", type_name(element)),
            Fault::StatisticsInF16 => "statistics in float16".into(),
            Fault::ForwardThroughPadding => "shift through padding".into(),
            Fault::AlphaIgnored => "alpha of a Gemm ignored".into(),
            Fault::BetaIgnored => "beta of a Gemm ignored".into(),
            Fault::Identity => "nothing in place of the map".into(),
            Fault::MeanOmitted => "mean omitted".into(),
            Fault::MeanSign => "sign of the mean".into(),
            Fault::NeighbourGamma => "scale of the neighbour".into(),
            Fault::SecondReader => "second reader forgotten".into(),
            Fault::ReaderRewired => "reader rewired".into(),
            Fault::DeadChannel(size) => sized("smallest scale", size),
            Fault::ChannelScale(size) => sized("scale of one channel", size),
            Fault::VarianceForDeviation => "variance instead of deviation".into(),
            Fault::Weight(size) => sized("one weight", size),
            Fault::WrongAxis => "wrong axis".into(),
            Fault::NanMadeZero => "NaN made 0".into(),
            Fault::NegativeVariance => "negative variance folded".into(),
        }
    }

    /// Whether it is a fold of what must be kept, made where the right fold has none.
    pub(super) fn is_of_kept(self) -> bool {
        matches!(self, Fault::ForwardThroughPadding | Fault::NanMadeZero | Fault::NegativeVariance)
    }
}

fn type_name(element: Element) -> &'static str {
    match element {
        Element::F16 => "float16",
        Element::BF16 => "bfloat16",
        Element::F32 => "float",
        Element::F64 => "double",
    }
}
