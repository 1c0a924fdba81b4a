#!/usr/bin/env node
// Writes the documents that are made from the program's own definitions (npm run docs); a fast test says when they are not in step.
import { writeDocuments } from '../dist/docs/index.js';

for (const path of await writeDocuments()) process.stdout.write(`${path}\n`);
