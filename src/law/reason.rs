//! Why a map stays where it is. A refusal is data: it is made where the fact is known and shown to the user.

/// Declares the reasons once: code, sentence, advice.
macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $sentence:literal, $advice:literal;)*) => {
        /// Why a map was not moved, or not moved further.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason { $($(#[$doc])* #[doc = concat!("`", $code, "`: ", $sentence, ".")] $name,)* }

        impl Reason {
            /// Every reason.
            pub const ALL: &'static [Reason] = &[$(Reason::$name),*];

            /// A stable word for programs.
            pub fn code(self) -> &'static str {
                match self { $(Reason::$name => $code,)* }
            }

            /// What the matter is, as a clause.
            pub fn sentence(self) -> &'static str {
                match self { $(Reason::$name => $sentence,)* }
            }

            /// What the user could change.
            pub fn advice(self) -> &'static str {
                match self { $(Reason::$name => $advice,)* }
            }
        }
    };
}

reasons! {
    TrainingMode = "training-mode", "the node normalises with the statistics of the batch", "export the model in evaluation mode";
    SpatialStatistics = "spatial-statistics", "spatial = 0 asks for statistics per activation, and there is one number per channel", "set spatial = 1 if that is meant; the model is not valid";
    PerActivation = "per-activation", "the statistics are per activation (spatial = 0), not per channel", "nothing; the map is not one per channel";
    InvalidStatistics = "invalid-statistics", "scale, bias, mean and variance are not one number per channel", "correct the model; it is not valid";
    NonFinite = "non-finite", "a coefficient is NaN or infinite (a negative variance, an overflow in the file)", "look at the training run; the statistics are broken";
    Overflow = "overflow", "a folded number is larger than its type can hold", "convert the model to a wider type first";
    Underflow = "underflow", "folded weights lose their digits in their type's smallest numbers", "convert the model to a wider type first";
    NotConstant = "not-constant", "a parameter is computed or an input of the graph", "export with parameters as initializers";
    Overridable = "overridable", "a parameter is an initializer that is also an input, so a caller may override it", "--freeze-initializers takes it for a constant and off the inputs, if nobody does";
    FunctionParameter = "function-parameter", "a parameter of the function around it is not a constant in every call, or not one that lets it be folded alike", "--inline replaces calls by the function's body";
    ConstantForm = "constant-form", "a parameter is stored in a form that is not folded (sparse, text, or given twice)", "store it as a plain tensor";
    NotFloat = "not-float", "a parameter is not of type float, double, float16 or bfloat16", "nothing; whole numbers are not folded";
    PerElement = "per-element", "the constant is not one number per channel", "nothing; the map is not one per channel";
    Clipping = "clipping", "a Clip with other bounds than zero below and none above hands no map on", "nothing";
    NotAffine = "not-affine", "the operation is not affine in its input", "nothing";
    UnknownShape = "unknown-shape", "a shape that decides how the constants align is not known", "run shape inference on the model; where that knows no more, fix the sizes that are open";
    AttributeReference = "attribute-reference", "an attribute is a parameter of the function around it and not known", "--inline replaces calls by the function's body";
    Attribute = "attribute", "an input or an attribute is missing, of another type, or out of its range", "correct the model; it is not valid";
    Opset = "opset", "the operator has a version that is not known here", "use a newer bnfold, or an older opset";
    UnknownOperator = "unknown-operator", "the neighbour is an operator that cannot take the map", "nothing";
    GraphInput = "graph-input", "the value is an input of the graph", "nothing; apply the map where the input is made, if nothing else reads it";
    GraphOutput = "graph-output", "the value between is an output of the graph", "remove the output if nobody reads it";
    FunctionBorder = "function-border", "the value enters or leaves the function around the node", "--inline replaces calls by the function's body";
    Annotated = "annotated", "the value between is named by a quantization annotation", "fold before quantising";
    SeveralReaders = "several-readers", "the value between has other readers, too", "nothing; folding would need a second copy of the operator";
    CrossesScope = "crosses-scope", "the two operators are in different graphs (a branch or a loop body)", "nothing";
    NoReader = "no-reader", "nobody reads the result", "remove the dead node";
    OtherAxis = "other-axis", "the map runs along another axis than the operator's channels", "nothing";
    Padding = "padding", "a shift cannot pass zero padding", "use an unpadded operator, or fold behind the previous layer";
    BorderTaps = "border-taps", "a shift cannot enter a transposed convolution whose outputs see different numbers of taps", "nothing";
    NoBias = "no-bias", "the operator has no place for a shift", "add a constant behind it, which takes the shift in";
    ShiftThroughScale = "shift-through-scale", "a multiplication has no place for a shift", "nothing";
    FallingScale = "falling-scale", "a scale that is negative or zero does not pass a maximum or an activation", "nothing";
    ShiftThroughActivation = "shift-through-activation", "a shift does not pass an activation", "nothing";
    CountedPadding = "counted-padding", "a shift does not pass a pool that counts its padding, or a pad with a constant", "nothing";
    WindowOfPadding = "window-of-padding", "a window may see nothing but padding, and what it gives then is no number of the value", "run shape inference on the model if it knows no extents";
    Interpolation = "interpolation", "a shift does not pass an interpolation whose weights may not sum to one", "use nearest or linear interpolation";
    StatisticsOfScale = "statistics-of-scale", "a scale before a normalisation is not the same as none, because of its epsilon", "nothing";
    Narrowing = "narrowing", "a conversion to a narrower type rounds, or the type before it is not known", "convert the whole model to one type";
    NegativeScale = "negative-scale", "a scale of quantised weights would become negative, which not every runtime accepts", "fold without --positive-scales, or before quantising";
    QuantisationAxis = "quantisation-axis", "the quantised weights have no scale for each channel of the map", "quantise them along that axis (opset 13 and later)";
    QuantisedBias = "quantised-bias", "runtimes that store the bias beside quantised weights as int32, in units of the folded scales, could not hold it", "fold before quantising; --for none folds all the same";
    ScalePerChannel = "scale-per-channel", "weights that an engine takes with one scale would have one for each channel", "--for names the engines that matter; --for none folds for none in particular";
    ScalePerColumn = "scale-per-column", "weights of a product with one scale would have one for each column, for which an engine rounds activations to 8 bits", "--for names the engines that matter, --for none folds all the same; or set the engine's option that keeps activations";
    RoundedProduct = "rounded-product", "an engine would begin to round activations to 8 bits for the product with quantised weights", "--for names the engines that matter, --for none folds all the same; or set the engine's option that keeps activations";
    ProductWithTerm = "product-with-term", "an engine has the product of matrices in this type, but not with a term", "nothing, the shift stays as an Add; --for none puts it into the product";
    AddLeft = "add-left", "an engine is slower with the Add that would be left than with the BatchNormalization", "--partial always leaves the Add";
    AddInBlocks = "add-in-blocks", "an engine holds the value in blocks of channels, where it has the BatchNormalization, but not the Add that would be left", "--partial always leaves the Add";
    Quantised = "quantised", "the neighbour computes in whole numbers", "fold before quantising";
    PartOfValue = "part-of-value", "the map would reach only a part of what the operator puts together or takes apart", "nothing";
    PartOfOperator = "part-of-operator", "the constant belongs to a GELU or a LayerNormalization, which runtimes know by all their operators and compute as one", "nothing";
    NotProfitable = "not-profitable", "branches of one value as one operator would need more parameters or products than apart", "nothing";
    TooLarge = "too-large", "branches of one value would be one weight of more than 16 Mi elements", "nothing";
    Unverified = "unverified", "the folded model was not shown to be right with this fold, so it was left out", "--allow-unverified folds what could not be judged; please report what failed";
    LeftOut = "left-out", "the options leave it out", "change --skip, --only, --direction or --rules";
    ZeroScale = "zero-scale", "a channel is multiplied by zero, so nothing can be moved through it", "nothing";
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn codes_are_words_and_unique() {
        let codes: BTreeSet<&str> = Reason::ALL.iter().map(|r| r.code()).collect();
        assert_eq!(codes.len(), Reason::ALL.len());
        assert!(codes.iter().all(|c| c.chars().all(|c| c.is_ascii_lowercase() || c == '-')));
    }
}
