//! Values for inputs: seeded ones, alike on every machine, and the user's.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use half::f16;
use npyz::npz::NpzArchive;
use npyz::{NpyFile, TypeChar};

use super::CouldNotRun;
use super::array::{Array, Data, count};
use super::bind::InputSpec;
use super::widen::format;
use crate::onnx::tensor_proto::DataType;

/// The SplitMix64 generator of Steele, Lea and Flood (2014).
#[derive(Debug, Clone)]
pub struct SplitMix64(u64);

impl SplitMix64 {
    /// A stream that depends on the seed and on a name, so that an input's values do not depend on
    /// how many inputs stand before it.
    pub fn new(seed: u64, name: &str) -> SplitMix64 {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for byte in name.bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        SplitMix64(seed ^ hash)
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number in [0, 1), a multiple of 2^-53.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 * 2.0_f64.powi(-53)
    }

    /// A standard normal number, by the polar method of Marsaglia.
    pub fn normal(&mut self) -> f64 {
        loop {
            let (x, y) = (2.0 * self.unit() - 1.0, 2.0 * self.unit() - 1.0);
            let square = x * x + y * y;
            if square > 0.0 && square < 1.0 {
                return x * (-2.0 * square.ln() / square).sqrt();
            }
        }
    }
}

/// Values for every input that `given` does not hold: floats half N(0, 1), half U[0, 1), mixed at
/// random and rounded to the declared type; integers and truth values 0 or 1, which are safe as
/// indices.
///
/// # Errors
/// An input of a type that has no values here, or a given value of another shape or kind.
pub fn seeded_inputs(
    specs: &[InputSpec],
    seed: u64,
    given: &BTreeMap<String, Array>,
) -> Result<BTreeMap<String, Array>, CouldNotRun> {
    let mut values = BTreeMap::new();
    for spec in specs {
        let value = match given.get(&spec.name) {
            Some(value) => fitting(spec, value)?,
            None => drawn(spec, &mut SplitMix64::new(seed, &spec.name))?,
        };
        values.insert(spec.name.clone(), value);
    }
    Ok(values)
}

/// The power of two that inputs of float16 may be larger by: their type ends at 2^16.
const MOST_IN_FLOAT16: i32 = 6;

/// Makes floats that were drawn, not `given`, larger by a power of two, or by what float16 has room for.
pub fn enlarge(specs: &[InputSpec], values: &mut BTreeMap<String, Array>, given: &BTreeMap<String, Array>, power: i32) {
    for spec in specs.iter().filter(|spec| !given.contains_key(&spec.name)) {
        if let Some(Data::Float(numbers)) = values.get_mut(&spec.name).map(|value| &mut value.data) {
            let power = if spec.data_type() == DataType::Float16 { power.min(MOST_IN_FLOAT16) } else { power };
            numbers.iter_mut().for_each(|number| *number *= 2.0_f64.powi(power));
        }
    }
}

fn wrong(spec: &InputSpec, why: String) -> CouldNotRun {
    CouldNotRun::Input { input: spec.name.clone(), why }
}

/// A value as an input takes it, rounded to its type.
///
/// # Errors
/// Another shape, or elements that the type cannot hold.
pub(crate) fn fitting(spec: &InputSpec, value: &Array) -> Result<Array, CouldNotRun> {
    if value.dims != spec.dims || count(&value.dims) != Some(value.data.len()) {
        return Err(wrong(spec, format!("the value has shape {:?}, not {:?}", value.dims, spec.dims)));
    }
    let element = spec.data_type();
    let data = match (&value.data, format(element)) {
        (Data::Float(all), Some(format)) => Data::Float(all.iter().map(|&number| format.round(number)).collect()),
        (Data::Int(all), Some(format)) => Data::Float(all.iter().map(|&number| format.round(number as f64)).collect()),
        (Data::Int(all), None) if all.iter().all(|number| holds(element, *number)) => value.data.clone(),
        (Data::Bool(_), None) if element == DataType::Bool => value.data.clone(),
        (data, _) => {
            let kind = match data {
                Data::Float(_) => "floats",
                Data::Int(_) => "integers (or some that are too large)",
                Data::Bool(_) => "truth values",
            };
            return Err(wrong(spec, format!("{kind} are given for {}", element.as_str_name())));
        }
    };
    Ok(Array { dims: value.dims.clone(), data })
}

/// Whether a type of integers holds a number; the upper half of `uint64` is negative here.
fn holds(element: DataType, number: i64) -> bool {
    let bits = match element {
        DataType::Int8 => return i8::try_from(number).is_ok(),
        DataType::Int16 => return i16::try_from(number).is_ok(),
        DataType::Int32 => return i32::try_from(number).is_ok(),
        DataType::Int64 | DataType::Uint64 => return true,
        DataType::Uint8 => 8,
        DataType::Uint16 => 16,
        DataType::Uint32 => 32,
        _ => return false,
    };
    (0..1_i64 << bits).contains(&number)
}

fn drawn(spec: &InputSpec, random: &mut SplitMix64) -> Result<Array, CouldNotRun> {
    let length = count(&spec.dims).unwrap_or(0);
    let element = spec.data_type();
    if let Some(format) = format(element) {
        let draw = || match random.bits() >> 63 {
            0 => format.round(random.normal()),
            _ => format.round(random.unit()),
        };
        let data = Data::Float(std::iter::repeat_with(draw).take(length).collect());
        return Ok(Array { dims: spec.dims.clone(), data });
    }
    let data = match element {
        DataType::Bool => Data::Bool(std::iter::repeat_with(|| random.bits() >> 63 == 1).take(length).collect()),
        DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::Uint8
        | DataType::Uint16
        | DataType::Uint32
        | DataType::Uint64 => Data::Int(std::iter::repeat_with(|| i64::from(random.bits() >> 63 == 1)).take(length).collect()),
        other => return Err(wrong(spec, format!("no values for type {}", other.as_str_name()))),
    };
    Ok(Array { dims: spec.dims.clone(), data })
}

/// The arrays of a NumPy `.npz` file, by name.
///
/// # Errors
/// A file that cannot be read, and arrays of types other than floats, integers and truth values.
pub fn read_npz(path: &Path) -> Result<BTreeMap<String, Array>, CouldNotRun> {
    let failed = |error: std::io::Error| CouldNotRun::file(path, error);
    let mut archive = NpzArchive::open(path).map_err(failed)?;
    let names: Vec<String> = archive.array_names().map(str::to_owned).collect();
    let mut arrays = BTreeMap::new();
    for name in names {
        let Some(file) = archive.by_name(&name).map_err(failed)? else {
            continue;
        };
        let array = read_npy(file).map_err(|error| CouldNotRun::file(path, format_args!("array `{name}`: {error}")))?;
        arrays.insert(name, array);
    }
    Ok(arrays)
}

pub(crate) fn read_npy<R: Read>(file: NpyFile<R>) -> std::io::Result<Array> {
    let invalid = |why: &str| std::io::Error::new(std::io::ErrorKind::InvalidData, why.to_owned());
    let columns_first = file.order() != npyz::Order::C && file.shape().len() > 1;
    let dims: Option<Vec<usize>> = file.shape().iter().map(|&dim| usize::try_from(dim).ok()).collect();
    let dims = dims.ok_or_else(|| invalid("it is too large"))?;
    let npyz::DType::Plain(element) = file.dtype() else {
        return Err(invalid("its elements are records"));
    };
    let size = element.size_field();
    let data = match (element.type_char(), size) {
        (TypeChar::Float, 8) => Data::Float(file.into_vec::<f64>()?),
        (TypeChar::Float, 4) => Data::Float(file.into_vec::<f32>()?.into_iter().map(f64::from).collect()),
        (TypeChar::Float, 2) => Data::Float(file.into_vec::<f16>()?.into_iter().map(f64::from).collect()),
        (TypeChar::Int, 8) => Data::Int(file.into_vec::<i64>()?),
        (TypeChar::Int, 4) => Data::Int(file.into_vec::<i32>()?.into_iter().map(i64::from).collect()),
        (TypeChar::Int, 2) => Data::Int(file.into_vec::<i16>()?.into_iter().map(i64::from).collect()),
        (TypeChar::Int, 1) => Data::Int(file.into_vec::<i8>()?.into_iter().map(i64::from).collect()),
        (TypeChar::Uint, 8) => {
            // Beyond the signed range they wrap, as `Data::Int` says.
            let wrapped = file.into_vec::<u64>()?.into_iter().map(|number| number as i64);
            Data::Int(wrapped.collect())
        }
        (TypeChar::Uint, 4) => Data::Int(file.into_vec::<u32>()?.into_iter().map(i64::from).collect()),
        (TypeChar::Uint, 2) => Data::Int(file.into_vec::<u16>()?.into_iter().map(i64::from).collect()),
        (TypeChar::Uint, 1) => Data::Int(file.into_vec::<u8>()?.into_iter().map(i64::from).collect()),
        (TypeChar::Bool, _) => Data::Bool(file.into_vec::<bool>()?),
        _ => return Err(invalid(&format!("elements of type {element} are not supported"))),
    };
    if count(&dims) != Some(data.len()) {
        return Err(invalid("its header and its data disagree"));
    }
    let data = match (columns_first, data) {
        (false, data) => data,
        (true, Data::Float(all)) => Data::Float(rows_first(&dims, &all)),
        (true, Data::Int(all)) => Data::Int(rows_first(&dims, &all)),
        (true, Data::Bool(all)) => Data::Bool(rows_first(&dims, &all)),
    };
    Ok(Array { dims, data })
}

/// Elements stored with the first axis innermost, as NumPy does for transposed arrays, in the
/// order with the last axis innermost.
fn rows_first<T: Copy>(dims: &[usize], elements: &[T]) -> Vec<T> {
    let gathered = (0..elements.len()).filter_map(|position| {
        let (mut rest, mut index, mut stride) = (position, 0, elements.len());
        for &dim in dims.iter().rev() {
            stride /= dim;
            index += (rest % dim) * stride;
            rest /= dim;
        }
        elements.get(index).copied()
    });
    gathered.collect()
}

#[cfg(test)]
mod tests {
    use super::SplitMix64;

    #[test]
    fn the_generator_is_the_published_one() {
        let mut random = SplitMix64(1_234_567);
        let published = [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423];
        assert_eq!(published.map(|_| random.bits()), published);
    }
}
