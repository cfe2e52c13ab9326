// Runs models in onnxruntime-web for `worker.py`, which writes one line of JSON for each: {model, feeds: {name: {type, dims, data}}}.
import { readFile, readdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { createInterface } from "node:readline";

const ort = createRequire(process.cwd() + "/")("onnxruntime-web");
ort.env.logLevel = "fatal";
ort.env.wasm.numThreads = 1;
for await (const line of createInterface({ input: process.stdin })) {
  let answer;
  try {
    const { model, feeds } = JSON.parse(line);
    const stem = basename(model, "onnx");
    const beside = (await readdir(dirname(model))).filter((name) => name.startsWith(stem) && !/\.(onnx|npz)$/.test(name));
    const side = beside.map(async (path) => ({ path, data: await readFile(join(dirname(model), path)) }));
    const options = { graphOptimizationLevel: "all", externalData: await Promise.all(side) };
    const session = await ort.InferenceSession.create(await readFile(model), options);
    const given = {};
    for (const [name, { type, dims, data }] of Object.entries(feeds)) {
      given[name] = new ort.Tensor(type, type === "float16" ? Uint16Array.from(data) : data, dims);
    }
    const found = await session.run(given);
    const told = ({ dims, data }) => ({ dims, data: Array.from(data, Number), half: data instanceof Uint16Array });
    answer = { ok: session.outputNames.map((name) => told(found[name])) };
  } catch (error) {
    answer = { error: String(error).split("\n")[0] };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}
