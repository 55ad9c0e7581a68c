// The AWS SDK for JavaScript, told by lines of JSON on standard input what to
// do; each line is answered by one.
//
//     {"call": "DescribeMesh", "params": {...}, "client": {...}}
//     {"pages": "ListMeshes", "params": {...}, "size": N, "token": "...",
//      "client": {...}}
//     {"names": true}
//
// "client" is what the client is made with.

import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const require = createRequire(process.argv[2] + "/");
const sdk = require("@aws-sdk/client-app-mesh");
const clients = new Map();

function clientOf(config) {
    const key = JSON.stringify(config);

    if (!clients.has(key)) {
        clients.set(key, new sdk.AppMeshClient(config));
    }

    return clients.get(key);
}

async function answer(line) {
    if (line.names) {
        return { output: { names: Object.keys(sdk),
                           node: process.version } };
    }

    const client = clientOf(line.client);

    if (line.pages) {
        const pages = [];
        const config = { client, pageSize: line.size,
                         startingToken: line.token };

        for await (const page of sdk["paginate" + line.pages](config,
                                                              line.params)) {
            pages.push(page);
        }

        return { output: pages };
    }

    const output = await client.send(new sdk[line.call + "Command"](
        line.params));

    return { output, attempts: output.$metadata.attempts };
}

function failure(e) {
    const type = sdk[e.name];

    return { error: e.name, message: e.message,
             status: e.$metadata?.httpStatusCode,
             typed: Boolean(type && e instanceof type),
             stack: e.$metadata ? undefined : e.stack };
}

for await (const line of createInterface({ input: process.stdin })) {
    const done = await answer(JSON.parse(line)).catch(failure);
    process.stdout.write(JSON.stringify(done) + "\n");
}
