import { describe, expect, it } from '@jest/globals';
import type { JsonObject } from '../json.ts';
import { FilterError } from './fiql.ts';
import { ODataFilter } from './odata.ts';

const web: JsonObject = {
  name: 'web-01',
  numSockets: 2,
  powerState: 'ON',
  cluster: { extId: 'c1' },
  createTime: '2026-06-12T10:03:18.657232Z',
  isAgentVm: false,
  roles: ['AOS', 'ONE_NODE'],
  categories: [{ extId: 'k1' }, { extId: 'k2' }],
};
const odd: JsonObject = {
  name: "it's",
  numSockets: 4,
  powerState: 'OFF',
  createTime: '2026-06-13T10:03:18.657Z',
  isAgentVm: true,
  roles: ['ONE_NODE'],
};
const matching = (filter: string): number =>
  [web, odd].filter((item) => ODataFilter.parse(filter).matches(item)).length;

describe('the OData filter of v4', () => {
  it.each([
    ["name eq 'web-01'", 1],
    ["name ne 'web-01'", 1],
    ["name eq 'it''s'", 1],
    ["startswith(name,'web')", 1],
    ["endswith(name, '01')", 1],
    ["contains(name,'e')", 1],
    ["name in ('web-01','x')", 1],
    ['numSockets gt 2', 1],
    ['numSockets ge 2 and numSockets lt 4', 1],
    ["powerState eq 'ON' or powerState eq 'OFF'", 2],
    ["powerState eq Vmm.Ahv.Config.PowerState'ON'", 1],
    ["powerState in (Vmm.Ahv.Config.PowerState'ON', Vmm.Ahv.Config.PowerState'OFF')", 2],
    ["roles/any(t:t eq Clustermgmt.Config.ClusterFunctionRef'AOS')", 1],
    ["roles/any(t:t eq 'AOS' or t eq 'ONE_NODE')", 2],
    ['powerState eq ON', 1],
    ["not (powerState eq 'ON')", 1],
    ['isAgentVm eq true', 1],
    ["cluster/extId eq 'c1'", 1],
    ['cluster/extId eq null', 1],
    ['createTime gt 2026-06-12T12:00:00Z', 1],
    ["categories/any(c:c/extId eq 'k2')", 1],
    ["(name eq 'x' or numSockets eq 2) and powerState eq 'ON'", 1],
  ])('%s', (filter, expected) => {
    expect(matching(filter)).toBe(expected);
  });

  it.each([
    'name',
    'name eq',
    "powerState eq PowerState'ON'",
    "name like 'x'",
    "name eq 'x",
    "(name eq 'x'",
    "name eq 'x' and",
  ])('refuses %s', (filter) => {
    expect(() => ODataFilter.parse(filter)).toThrow(FilterError);
  });
});
