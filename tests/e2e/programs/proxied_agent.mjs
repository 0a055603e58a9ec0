// The official npm SDKs through a base URL: a plain answer, a stream, a retried call, two at once; then Anthropic's. Prints all it gets.
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";

const base = process.env.OPENAI_BASE_URL;
const client = new OpenAI({ apiKey: "sk-planted-0123456789abcdef" });
const ask = (content, extra = {}, from = client) =>
  from.chat.completions.create({ model: "gpt-4o", messages: [{ role: "user", content }], ...extra });

console.log((await ask("from node" + (process.argv[2] ?? ""))).choices[0].message.content);
const pieces = [];
for await (const chunk of await ask("streamed to node", { stream: true })) pieces.push(chunk.choices[0]?.delta?.content);
console.log(JSON.stringify(pieces));
const busy = new OpenAI({ apiKey: "sk-planted-0123456789abcdef", baseURL: base.replace("/v1", "/fault/503x1/v1") });
console.log((await ask("retried by node", {}, busy)).choices[0].message.content);
const both = await Promise.all([ask("first of two"), ask("second of two")]);
for (const answer of both) console.log(answer.choices[0].message.content);
const claude = new Anthropic({ apiKey: "sk-ant-planted", baseURL: process.env.ANTHROPIC_BASE_URL });
const reply = await claude.messages.create({ model: "claude-x", max_tokens: 50, messages: [{ role: "user", content: "to the other" }] });
console.log(reply.content[0].text, reply.usage.output_tokens);
