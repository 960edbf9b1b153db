import { World } from '@rkv/testkit';
const at = process.argv[3]!.split(',').map(Number);
const orig = World.prototype.runUntil;
import { runScenario } from './scenario.ts';
import { SimCluster } from '@rkv/testkit';
let cl: any;
const os = (SimCluster.prototype as any).start;
(SimCluster.prototype as any).start = function (n: string) { if (!cl) { cl = this; for (const t of at) this.world.schedule(t*1000, () => {
  console.log('=== at', t);
  for (const name of this.names) { const c = this.node(name); if (!c || !c.node.ready) { console.log(name, 'down/notready'); continue; }
   const d = c.node.document; console.log(name, 'ep', d.epoch, d.members.map((m: any) => m.name+':'+m.status+(c.node.isUp(m.id)?'':'(down)')).join(' '), 'pending', d.pending.map((p: any)=>p.partition+':'+p.from.slice(0,4)+'>'+p.to.slice(0,4)).join(' '), 'self', c.node.id.slice(0,4), JSON.stringify(c.node.handoff.waiting().map((w: any)=>[w.kind,w.partition,w.reason])), 'active', JSON.stringify(c.node.handoff.active().map((w: any)=>[w.kind,w.partition,w.items]))); }
  }, 'dbg'); } return os.call(this, n); };
const r = runScenario({ seed: Number(process.argv[2]) });
console.log(r.problems);
