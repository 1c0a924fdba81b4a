import { markup, type Markup } from './escape.js';
import { oneLine } from './text.js';

export interface JunitCase {
  /** Groups cases inside the suite in viewers. */
  classname: string;
  name: string;
  seconds: number;
  /** Left out: passed. `type` and `text` (the evidence) are of errors and failures. */
  outcome?: { kind: 'skipped'; message: string } | { kind: 'error' | 'failure'; type: string; message: string; text: string };
  /** Standard output as viewers show it. */
  out: string;
}

export interface JunitSuite {
  name: string;
  /** ISO time. */
  date: string;
  seconds: number;
  properties: readonly (readonly [string, string])[];
  cases: readonly JunitCase[];
}

/** JUnit XML with the elements that Jenkins, GitLab and GitHub's reporters read; no new line at its end. */
export function junitDocument(name: string, suites: readonly JunitSuite[]): string {
  const total = suites.map(totals).reduce(add, { tests: 0, failures: 0, errors: 0, skipped: 0, time: 0 });
  return markup`<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="${name}" ${attributes(total)}>${suites.map(suiteElement)}
</testsuites>`.text;
}

interface Totals {
  tests: number;
  failures: number;
  errors: number;
  skipped: number;
  time: number;
}

function totals({ cases, seconds }: JunitSuite): Totals {
  const count = (kind: string): number => cases.filter(({ outcome }) => outcome?.kind === kind).length;
  return { tests: cases.length, failures: count('failure'), errors: count('error'), skipped: count('skipped'), time: seconds };
}

function add(a: Totals, b: Totals): Totals {
  return { tests: a.tests + b.tests, failures: a.failures + b.failures, errors: a.errors + b.errors, skipped: a.skipped + b.skipped, time: a.time + b.time };
}

function attributes({ tests, failures, errors, skipped, time }: Totals): Markup {
  return markup`tests="${tests}" failures="${failures}" errors="${errors}" skipped="${skipped}" time="${time.toFixed(3)}"`;
}

function suiteElement(suite: JunitSuite): Markup {
  const properties = suite.properties.map(([name, value]) => markup`
      <property name="${name}" value="${oneLine(value)}"/>`);
  return markup`
  <testsuite name="${oneLine(suite.name)}"${timestamp(suite.date)} ${attributes(totals(suite))}>
    <properties>${properties}
    </properties>${suite.cases.map(caseElement)}
  </testsuite>`;
}

/** The schema of Ant's reports, which consumers check against, wants UTC without a zone. */
function timestamp(date: string): Markup | undefined {
  const time = Date.parse(date);
  return Number.isNaN(time) ? undefined : markup` timestamp="${new Date(time).toISOString().slice(0, 19)}"`;
}

function caseElement(one: JunitCase): Markup {
  return markup`
    <testcase classname="${oneLine(one.classname)}" name="${oneLine(one.name)}" time="${one.seconds.toFixed(3)}">${outcomeElement(one.outcome)}
      <system-out>${one.out}</system-out>
    </testcase>`;
}

function outcomeElement(outcome: JunitCase['outcome']): Markup | undefined {
  switch (outcome?.kind) {
    case undefined:
      return undefined;
    case 'skipped':
      return markup`
      <skipped message="${outcome.message}"/>`;
    case 'error':
      return markup`
      <error type="${outcome.type}" message="${outcome.message}">${outcome.text}</error>`;
    case 'failure':
      return markup`
      <failure type="${outcome.type}" message="${outcome.message}">${outcome.text}</failure>`;
  }
}
