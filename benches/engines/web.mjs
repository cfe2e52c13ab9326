// Runs models in onnxruntime-web for `worker.py`, which writes one line of JSON for each: {model, feeds: {name: {type, dims, data}}}.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const ort = createRequire(process.cwd() + "/")("onnxruntime-web");
ort.env.logLevel = "fatal";
ort.env.wasm.numThreads = 1;
for await (const line of createInterface({ input: process.stdin })) {
  let answer;
  try {
    const { model, feeds } = JSON.parse(line);
    const session = await ort.InferenceSession.create(await readFile(model), { graphOptimizationLevel: "all" });
    const given = {};
    for (const [name, { type, dims, data }] of Object.entries(feeds)) given[name] = new ort.Tensor(type, data, dims);
    const found = await session.run(given);
    answer = { ok: session.outputNames.map((name) => ({ dims: found[name].dims, data: Array.from(found[name].data, Number) })) };
  } catch (error) {
    answer = { error: String(error).split("\n")[0] };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}
