// Where everything stands: what is called stands right of who calls it, a band for each region, a frame for each VPC. No drawing.

const WIDTH = { edge: 222, middle: 140, first: 214, next: 246, subnet: 244, after: 146 };
const GAP = 42;
const PAD = 14;
const STACK = 14;
const HEAD = 48;
const ROW = 22;
const INSTANCE = 25;
const BETWEEN = 4;
const SUBNET_HEAD = 38;
const BAND_HEAD = 40;
const VPC_HEAD = 34;
const BAND_GAP = 40;
export const SIZES = { HEAD, ROW, INSTANCE, SUBNET_HEAD };

const BALANCERS = new Set(["network-load-balancer", "application-load-balancer"]);
const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);
const stacked = (boxes) => sum(boxes.map((box) => box.h)) + STACK * Math.max(0, boxes.length - 1);

// How many balancers of its own VPC stand before each balancer.
function depths(state) {
  const owner = new Map(state.nodes.flatMap((node) => [[node.id, node], ...node.rows.map((row) => [row.id, node])]));
  const found = new Map();
  const before = new Map();
  for (const link of state.links) {
    const [from, to] = [owner.get(link.from), owner.get(link.to)];
    if (from && to && BALANCERS.has(from.kind) && BALANCERS.has(to.kind) && from.vpc === to.vpc && from !== to) {
      before.set(to.id, [...(before.get(to.id) || []), from.id]);
    }
  }
  const depth = (id, seen = []) => {
    if (seen.includes(id)) return 0;
    if (!found.has(id)) found.set(id, Math.max(0, ...(before.get(id) || []).map((each) => 1 + depth(each, [...seen, id]))));
    return found.get(id);
  };
  for (const node of state.nodes) if (BALANCERS.has(node.kind)) depth(node.id);
  return found;
}

const boxOf = (node, w) => ({ node, id: node.id, w, h: HEAD + (node.rows.length ? node.rows.length * ROW + 8 : 0) });

function subnetBox(subnet, nodes) {
  const inside = nodes.filter((node) => node.kind === "instance" && node.subnet === subnet.subnet);
  return { subnet, id: subnet.id, w: WIDTH.subnet, inside, h: SUBNET_HEAD + inside.length * (INSTANCE + BETWEEN) + (inside.length ? 6 : 0) };
}

function inVpc(vpc, state, depth) {
  const own = state.nodes.filter((node) => node.vpc === vpc.vpc);
  const columns = [];
  const put = (column, node) => (columns[column] ||= []).push(node);
  own.filter((node) => node.kind === "function").forEach((node) => put(0, node));
  own.filter((node) => node.kind === "database").forEach((node) => put(1, node));
  own.filter((node) => BALANCERS.has(node.kind)).forEach((node) => put(depth.get(node.id), node));
  const subnets = vpc.subnets.map((subnet) => subnetBox(subnet, own));
  const order = ({ subnet: { out, zone, title } }) => `${out === "public" ? 1 : 0} ${zone} ${title}`;
  subnets.sort((one, other) => order(one).localeCompare(order(other)));
  return { vpc, id: vpc.id, subnets, columns: Array.from(columns, (column) => column || []) };
}

export function layout(state) {
  const depth = depths(state);
  const bands = state.regions.map((region) => {
    const vpcs = region.vpcs.map((vpc) => inVpc(vpc, state, depth));
    const framed = new Set(vpcs.map((frame) => frame.vpc.vpc));
    const loose = state.nodes.filter((node) => node.region === region.name && !framed.has(node.vpc || ""));
    const edge = loose.filter((node) => node.kind === "api" || node.kind === "user-pool");
    const after = loose.filter((node) => node.kind === "file-system");
    return { region, vpcs, edge, after, middle: loose.filter((node) => !edge.includes(node) && !after.includes(node)) };
  });
  const count = Math.max(1, ...bands.flatMap((band) => band.vpcs.map((vpc) => vpc.columns.length)));

  let x = 20;
  const column = (w, used) => {
    const at = x;
    if (used) x += w + GAP;
    return at;
  };
  const edgeX = column(WIDTH.edge, bands.some((band) => band.edge.length));
  const middleX = column(WIDTH.middle, bands.some((band) => band.middle.length));
  const frameX = x;
  x += PAD;
  const widths = Array.from({ length: count }, (_, index) => (index ? WIDTH.next : WIDTH.first));
  const columnX = widths.map((w) => column(w, true));
  const subnetX = column(WIDTH.subnet, true);
  const frameW = x - GAP + PAD - frameX;
  x += PAD;
  const afterX = column(WIDTH.after, bands.some((band) => band.after.length));
  const width = x - GAP + 20;

  const placed = { width, height: 0, bands: [], frames: [], nodes: new Map(), subnets: new Map(), rows: new Map() };
  const place = (boxes, left, top, height) => {
    let y = top + (height - stacked(boxes)) / 2;
    for (const box of boxes) {
      Object.assign(box, { x: left, y });
      if (box.subnet) {
        placed.subnets.set(box.id, box);
        box.inside.forEach((node, index) => placed.nodes.set(node.id, {
          node, id: node.id, x: left + 8, y: y + SUBNET_HEAD + index * (INSTANCE + BETWEEN), w: box.w - 16, h: INSTANCE }));
      } else {
        placed.nodes.set(box.id, box);
        box.node.rows.forEach((row, index) => placed.rows.set(row.id, {
          row, id: row.id, box, x: left, y: y + HEAD + index * ROW, w: box.w, h: ROW }));
      }
      y += box.h + STACK;
    }
  };

  let y = 14;
  for (const band of bands) {
    const frames = band.vpcs.map((vpc) => {
      const columns = vpc.columns.map((nodes, index) => nodes.map((node) => boxOf(node, widths[index])));
      return { ...vpc, columns, inner: Math.max(40, stacked(vpc.subnets), ...columns.map(stacked)) };
    });
    const [edge, middle, after] = [[band.edge, WIDTH.edge], [band.middle, WIDTH.middle], [band.after, WIDTH.after]]
      .map(([nodes, w]) => nodes.map((node) => boxOf(node, w)));
    const framed = sum(frames.map((frame) => frame.inner + VPC_HEAD + PAD)) + STACK * Math.max(0, frames.length - 1);
    const inner = Math.max(framed, stacked(edge), stacked(middle), stacked(after));
    placed.bands.push({ region: band.region, x: 6, y, w: width - 12, h: BAND_HEAD + inner + PAD, count: frames.length });
    let top = y + BAND_HEAD;
    for (const frame of frames) {
      const h = frame.inner + VPC_HEAD + PAD;
      placed.frames.push({ id: frame.id, vpc: frame.vpc, x: frameX, y: top, w: frameW, h });
      frame.columns.forEach((boxes, index) => place(boxes, columnX[index], top + VPC_HEAD, frame.inner));
      place(frame.subnets, subnetX, top + VPC_HEAD, frame.inner);
      top += h + STACK;
    }
    place(edge, edgeX, y + BAND_HEAD, inner);
    place(middle, middleX, y + BAND_HEAD, inner);
    place(after, afterX, y + BAND_HEAD, inner);
    y += BAND_HEAD + inner + PAD + BAND_GAP;
  }
  placed.height = y - BAND_GAP + 14;
  return placed;
}
