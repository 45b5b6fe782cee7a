'use strict';
// Draws one run. All times are microseconds; rows are arrays, in the order in which data.rs writes them.
(() => {
  const root = document.documentElement;
  window.addEventListener('error', (event) => { root.dataset.error = String(event.message); });
  const data = JSON.parse(document.getElementById('data').textContent);
  const byId = (id) => document.getElementById(id);
  const axis = byId('axis'), lanes = byId('lanes'), tip = byId('tip'), detail = byId('detail');
  const GUTTER = 130, NODE = 58, CLIENT = 15, CHART = 110, STRIP = 12, GAP = 10;
  const OUTCOMES = ['done', 'refused', 'unknown'];
  const view = { from: 0, to: data.ended, messages: false, words: [] };
  const shown = new Set(data.witnesses.flatMap((witness) => witness.operations));
  let hits = [];

  // What there is, with the words that it is found by. Each has: from, to, text, kind and what its kind needs.
  const seconds = (at) => (at / 1e6).toFixed(6) + ' s';
  const names = new Map(data.clients);
  const until = (at) => (at < 0 ? data.ended : at);
  const machine = (number) => number <= data.machines ? 'node ' + number
    : names.get(number - data.machines - 1) || 'machine ' + number;
  const things = [];
  const add = (kind, from, to, text, more) => {
    const thing = { kind, from, to, text, words: text.toLowerCase(), ...more };
    things.push(thing);
    return thing;
  };
  const lives = new Map(data.nodes.map((node) => [node, []]));
  for (const [node, from, to, how] of data.lives) {
    const number = (lives.get(node) || []).length + 1;
    const text = `node ${node}, life ${number}: from ${seconds(from)}` + (to < 0 ? '' : ` to ${seconds(to)}, ${how}`);
    const life = add('life', from, until(to), text, { node, number, serves: until(to) });
    if (lives.has(node)) lives.get(node).push(life);
  }
  const controls = [], fenced = [];
  const open = new Map();
  const close = (key, list, at, text) => {
    if (open.has(key)) {
      const [node, from, epoch] = open.get(key);
      list.push(add(text, from, at, `node ${node} ${text} in quorum epoch ${epoch}, ${seconds(from)} to ${seconds(at)}`, { node, epoch }));
      open.delete(key);
    }
  };
  for (const [node, at, serves, leads, epoch, isFenced] of data.states) {
    const life = (lives.get(node) || []).find((one) => one.from <= at && at <= one.to);
    if (serves && life) life.serves = Math.min(life.serves, at);
    close('c' + node, controls, at, 'is the controller');
    if (leads) open.set('c' + node, [node, at, epoch]);
    if (isFenced && serves) { if (!open.has('f' + node)) open.set('f' + node, [node, at, epoch]); }
    else close('f' + node, fenced, at, 'is fenced');
  }
  for (const node of data.nodes) {
    close('c' + node, controls, data.ended, 'is the controller');
    close('f' + node, fenced, data.ended, 'is fenced');
  }
  const leads = data.leads.map(([node, name, epoch, from, to]) =>
    add('lead', from, to, `node ${node} leads ${name} in epoch ${epoch}, ${seconds(from)} to ${seconds(to)}`, { node, name, epoch }));
  const faults = data.faults.map(([node, kind, from, to, about, repaired]) =>
    add('fault', from, until(to), `fault: ${kind} at node ${node}, ${seconds(from)} to ${seconds(until(to))}` +
      (about ? ` (${about})` : '') + (repaired < 0 ? '' : `, repaired at ${seconds(repaired)}`), { node, name: kind }));
  const operations = data.operations.map(([id, process, from, to, what, outcome, told]) =>
    add('operation', from, until(to), `#${id} ${names.get(process)}: ${what}, ${OUTCOMES[outcome]}, ${seconds(from)} to ` +
      `${to < 0 ? 'never' : seconds(to)}\n${told}`, { id, process, outcome, shows: shown.has(id) }));
  const messages = data.messages.map(([at, from, to, api, answer, bytes]) =>
    add('message', at, at, `${api}${answer ? ' answer' : ''} from ${machine(from)} to ${machine(to)}, ${bytes} bytes, ${seconds(at)}`,
      { sender: from, receiver: to }));

  // Where everything is, from top to bottom.
  const rows = { nodes: new Map(), clients: new Map(), focus: [] };
  let height = GAP;
  for (const node of data.nodes) { rows.nodes.set(node, height); height += NODE; }
  for (const one of data.focus) {
    height += GAP;
    rows.focus.push({ one, top: height });
    height += 16 + one.replicas.length * STRIP + 6 + CHART;
  }
  height += GAP;
  for (const [process] of data.clients) { rows.clients.set(process, height); height += CLIENT; }
  height += GAP;
  // Faults of one node that overlap lie below each other.
  for (const node of data.nodes) {
    const free = [0, 0, 0, 0];
    for (const fault of faults.filter((one) => one.node === node)) {
      const row = free.findIndex((at) => at <= fault.from);
      fault.row = row < 0 ? 3 : row;
      free[fault.row] = fault.to;
    }
  }

  const color = (name) => getComputedStyle(root).getPropertyValue('--' + name).trim();
  const fits = (thing) => view.words.every((word) => thing.words.includes(word));
  const sized = (canvas, tall) => {
    const ratio = window.devicePixelRatio || 1, wide = canvas.clientWidth || 1200;
    if (canvas.width !== Math.round(wide * ratio) || canvas.height !== Math.round(tall * ratio)) {
      canvas.width = Math.round(wide * ratio);
      canvas.height = Math.round(tall * ratio);
      canvas.style.height = tall + 'px';
    }
    const pen = canvas.getContext('2d');
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, wide, tall);
    pen.font = '11px system-ui, sans-serif';
    pen.textBaseline = 'middle';
    return [pen, wide];
  };
  let wide = 1200;
  const x = (at) => GUTTER + (at - view.from) / (view.to - view.from) * (wide - GUTTER);
  const time = (place) => view.from + (place - GUTTER) / (wide - GUTTER) * (view.to - view.from);
  const visible = (thing) => thing.to >= view.from && thing.from <= view.to;

  function step() {
    const rough = (view.to - view.from) / Math.max(2, (wide - GUTTER) / 110);
    const power = 10 ** Math.floor(Math.log10(rough));
    return [1, 2, 5, 10].map((times) => times * power).find((size) => size >= rough);
  }

  function drawAxis() {
    const [pen, width] = sized(axis, 22);
    wide = width;
    pen.fillStyle = color('faint');
    pen.strokeStyle = color('line');
    const every = step();
    for (let at = Math.ceil(view.from / every) * every; at <= view.to; at += every) {
      pen.fillRect(x(at), 15, 1, 7);
      pen.fillText((at / 1e6).toFixed(every < 1e4 ? 4 : every < 1e6 ? 2 : 0) + ' s', x(at) + 3, 10);
    }
  }

  /// One bar; a dot where it is too short to be seen. Those that the filter refuses are faint.
  function bar(pen, thing, top, tall, fill, label) {
    if (!visible(thing)) return 0;
    const left = Math.max(GUTTER, x(thing.from)), right = Math.min(wide, x(thing.to));
    const width = Math.max(2, right - left);
    pen.globalAlpha = fits(thing) ? 1 : 0.12;
    pen.fillStyle = fill;
    pen.fillRect(left, top, width, tall);
    if (label && width > 26) {
      pen.save();
      pen.beginPath();
      pen.rect(left, top, width - 2, tall);
      pen.clip();
      pen.fillStyle = color('back');
      pen.fillText(label, left + 3, top + tall / 2 + 0.5);
      pen.restore();
    }
    pen.globalAlpha = 1;
    hits.push({ left, top, right: left + width, bottom: top + tall, thing });
    return 1;
  }

  function label(pen, text, y, strong) {
    pen.fillStyle = color(strong ? 'text' : 'faint');
    pen.fillText(text, 4, y, GUTTER - 8);
  }

  function drawNodes(pen) {
    let drawn = 0;
    const first = data.focus[0] && data.focus[0].name;
    for (const [node, top] of rows.nodes) {
      label(pen, 'node ' + node, top + 14, true);
      pen.fillStyle = color('line');
      pen.fillRect(0, top - 3, wide, 1);
      for (const life of lives.get(node)) {
        drawn += bar(pen, { ...life, to: Math.min(life.serves, life.to) }, top + 6, 12, color('starting'));
        drawn += bar(pen, { ...life, from: Math.min(life.serves, life.to) }, top + 6, 12, color('life'), 'life ' + life.number);
      }
      for (const one of controls.filter((each) => each.node === node)) drawn += bar(pen, one, top, 6, color('control'));
      for (const one of fenced.filter((each) => each.node === node)) drawn += bar(pen, one, top + 15, 3, color('unsure'));
      for (const one of leads.filter((each) => each.node === node)) {
        if (one.name === first) drawn += bar(pen, one, top + 20, 11, color('lead'), `leads ${one.name} e${one.epoch}`);
      }
      for (const fault of faults.filter((each) => each.node === node)) {
        drawn += bar(pen, fault, top + 33 + fault.row * 5, 4, color('fault'));
      }
    }
    return drawn;
  }

  function drawFocus(pen, { one, top }) {
    let drawn = 0;
    label(pen, one.name, top + 7, true);
    let y = top + 16;
    for (const [node] of one.replicas) {
      label(pen, `  isr: node ${node}`, y + 5);
      one.known.forEach(([from, leader, epoch, isr], place) => {
        const to = place + 1 < one.known.length ? one.known[place + 1][0] : data.ended;
        if (!isr.includes(node)) return;
        const text = `${one.name}: leader ${leader} in epoch ${epoch}, isr [${isr}], from ${seconds(from)} to ${seconds(to)}`;
        drawn += bar(pen, { from, to, text, words: text.toLowerCase() }, y, STRIP - 2, color(leader === node ? 'lead' : 'isr'));
      });
      y += STRIP;
    }
    return drawn + drawOffsets(pen, one, y + 6);
  }

  /// Log ends as lines, high watermarks as dashes, each replica in a shade of its own.
  function drawOffsets(pen, one, top) {
    let low = Infinity, high = -Infinity;
    const seen = one.replicas.map(([node, states]) => {
      const next = states.findIndex((state) => state[0] >= view.from);
      const from = Math.max(0, (next < 0 ? states.length : next) - 1);
      const last = states.findIndex((state) => state[0] > view.to);
      return [node, states.slice(from, last < 0 ? states.length : last + 1).filter((state) => state[1])];
    });
    for (const [, states] of seen) {
      for (const state of states.filter((one) => one[0] <= view.to)) { low = Math.min(low, state[6], state[5]); high = Math.max(high, state[5], state[6]); }
    }
    if (high < low) return 0;
    const y = (offset) => top + CHART - 4 - (offset - low) / Math.max(1, high - low) * (CHART - 14);
    label(pen, `  offset ${high}`, y(high));
    label(pen, `  offset ${low}`, y(low));
    label(pen, '  log end', top + CHART / 2 - 6);
    label(pen, '  high watermark', top + CHART / 2 + 8);
    pen.save();
    pen.beginPath();
    pen.rect(GUTTER, top, wide - GUTTER, CHART);
    pen.clip();
    seen.forEach(([node, states], place) => {
      for (const [column, dash, heavy] of [[5, [], 1.5], [6, [5, 4], 1]]) {
        pen.beginPath();
        states.forEach((state, number) => {
          const at = x(state[0]), level = y(state[column]) + place * 1.5;
          if (number) pen.lineTo(at, y(states[number - 1][column]) + place * 1.5);
          pen[number ? 'lineTo' : 'moveTo'](at, level);
        });
        if (states.length) pen.lineTo(wide, y(states[states.length - 1][column]) + place * 1.5);
        pen.strokeStyle = `hsl(${(node * 67 + 200) % 360} 60% 50%)`;
        pen.lineWidth = heavy;
        pen.setLineDash(dash);
        pen.stroke();
      }
      for (const state of states) {
        const text = `${one.name} at node ${node}: ${state[2] ? 'leads' : 'follows'} in epoch ${state[3]}, log ${state[4]} to ` +
          `${state[5]}, high watermark ${state[6]}, at ${seconds(state[0])}`;
        const at = x(state[0]), level = y(state[5]) + place * 1.5;
        hits.push({ left: at - 2, top: level - 3, right: at + 2, bottom: level + 3, thing: { text, words: '' } });
      }
    });
    pen.restore();
    return seen.length;
  }

  function drawClients(pen) {
    let drawn = 0;
    for (const [process, name] of data.clients) label(pen, name, rows.clients.get(process) + CLIENT / 2);
    for (const one of operations) {
      const top = rows.clients.get(one.process);
      const fill = color(['good', 'bad', 'unsure'][one.outcome]);
      drawn += bar(pen, one, top + (one.shows ? 1 : 4), one.shows ? CLIENT - 3 : CLIENT - 8, fill);
      if (one.shows && visible(one)) {
        pen.strokeStyle = color('accent');
        pen.lineWidth = 2;
        pen.strokeRect(Math.max(GUTTER, x(one.from)) - 2, top, Math.max(2, x(one.to) - x(one.from)) + 4, CLIENT - 1);
      }
    }
    return drawn;
  }

  function drawMessages(pen) {
    if (!view.messages) return 0;
    const lane = (number) => number <= data.machines ? rows.nodes.get(number) + 12
      : rows.clients.get(number - data.machines - 1) + CLIENT / 2;
    let drawn = 0;
    for (const one of messages) {
      const from = lane(one.sender), to = lane(one.receiver);
      if (!visible(one) || !from || !to || !fits(one)) continue;
      const at = x(one.from);
      pen.strokeStyle = pen.fillStyle = color('message');
      pen.lineWidth = 1;
      pen.setLineDash([]);
      pen.beginPath();
      pen.moveTo(at, from);
      pen.lineTo(at + 3, to);
      pen.stroke();
      pen.fillRect(at + 1, to - 2, 4, 4);
      hits.push({ left: at - 1, top: Math.min(from, to), right: at + 4, bottom: Math.max(from, to), thing: one });
      drawn += 1;
    }
    return drawn;
  }

  function draw() {
    drawAxis();
    const [pen] = sized(lanes, height);
    hits = [];
    for (const witness of data.witnesses.slice(0, 1)) {
      pen.fillStyle = color('band');
      const left = Math.max(GUTTER, x(witness.span[0]));
      pen.fillRect(left, 0, Math.max(3, Math.min(wide, x(witness.span[1])) - left), height);
    }
    if (data.healed) {
      pen.fillStyle = color('good');
      if (x(data.healed) > GUTTER) pen.fillRect(x(data.healed), 0, 1, height);
    }
    let drawn = drawMessages(pen) + drawNodes(pen);
    for (const focus of rows.focus) drawn += drawFocus(pen, focus);
    drawn += drawClients(pen);
    root.dataset.drawn = drawn;
    root.dataset.messages = view.messages ? messages.filter(visible).length : 0;
    root.dataset.view = `${Math.round(view.from)} ${Math.round(view.to)}`;
  }

  function look(from, to) {
    const least = 50;
    const width = Math.min(data.ended, Math.max(least, to - from));
    view.from = Math.max(0, Math.min(from, data.ended - width));
    view.to = view.from + width;
    draw();
  }
  const zoom = (factor, around) => look(around - (around - view.from) * factor, around + (view.to - around) * factor);
  const middle = () => (view.from + view.to) / 2;
  function lookAt([from, to]) {
    const room = Math.max(20000, (to - from) * 0.3);
    look(from - room, to + room);
  }

  function filter(text) {
    view.words = text.toLowerCase().split(/\s+/).filter(Boolean);
    const count = view.words.length ? things.filter(fits).length : 0;
    byId('matches').textContent = view.words.length ? `${count} of ${things.length} fit` : '';
    root.dataset.matches = count;
    listRungs();
    draw();
  }

  function listRungs() {
    const most = 600, body = byId('rungs');
    const fit = data.rungs.filter((row) => {
      const words = row.slice(1, 4).join(' ').toLowerCase();
      return view.words.every((word) => words.includes(word));
    });
    body.replaceChildren(...fit.slice(0, most).map(([at, place, what, numbers, shows]) => {
      const line = document.createElement('tr');
      for (const text of [(at / 1e6).toFixed(6), place, what, numbers]) {
        line.append(Object.assign(document.createElement('td'), { textContent: text }));
      }
      line.className = shows ? 'shows' : '';
      line.addEventListener('click', () => { lookAt([at, at + 1]); scrollTo(0, 0); });
      return line;
    }));
    byId('more').textContent = `${fit.length} events` + (fit.length > most ? `, the first ${most} of them here` : '') +
      `. Left out of this page: ${data.operationsLeftOut} operations and ${data.messagesLeftOut} messages far from the anomaly.`;
    root.dataset.rungs = fit.length;
  }

  function hit(event) {
    const box = lanes.getBoundingClientRect();
    const [left, top] = [event.clientX - box.left, event.clientY - box.top];
    for (let place = hits.length - 1; place >= 0; place -= 1) {
      const one = hits[place];
      if (left >= one.left - 1 && left <= one.right + 1 && top >= one.top && top <= one.bottom) return one.thing;
    }
    return null;
  }
  function tell(thing) {
    detail.replaceChildren(Object.assign(document.createElement('p'), { textContent: thing ? thing.text : 'Nothing is chosen.' }));
  }

  let drag = null;
  lanes.addEventListener('wheel', (event) => {
    const left = event.clientX - lanes.getBoundingClientRect().left;
    if (left < GUTTER) return; // beside the picture the page scrolls
    event.preventDefault();
    if (event.shiftKey) {
      const by = (view.to - view.from) * Math.sign(event.deltaY || event.deltaX) * 0.15;
      look(view.from + by, view.to + by);
    } else {
      zoom(event.deltaY > 0 ? 1.25 : 0.8, time(left));
    }
  }, { passive: false });
  lanes.addEventListener('pointerdown', (event) => {
    drag = { at: event.clientX, from: view.from, to: view.to, moved: false };
    if (lanes.setPointerCapture) lanes.setPointerCapture(event.pointerId);
  });
  lanes.addEventListener('pointermove', (event) => {
    if (drag) {
      const by = (event.clientX - drag.at) / (wide - GUTTER) * (drag.to - drag.from);
      drag.moved = drag.moved || Math.abs(event.clientX - drag.at) > 3;
      if (drag.moved) look(drag.from - by, drag.to - by);
      return;
    }
    const thing = hit(event);
    tip.hidden = !thing;
    if (thing) {
      tip.textContent = thing.text;
      tip.style.left = Math.min(event.clientX + 12, innerWidth - 470) + 'px';
      tip.style.top = event.clientY + 14 + 'px';
    }
  });
  lanes.addEventListener('pointerup', (event) => {
    if (drag && !drag.moved) tell(hit(event));
    drag = null;
  });
  lanes.addEventListener('pointerleave', () => { tip.hidden = true; });
  lanes.addEventListener('dblclick', () => look(0, data.ended));
  byId('filter').addEventListener('input', (event) => filter(event.target.value));
  byId('messages').addEventListener('change', (event) => { view.messages = event.target.checked; draw(); });
  byId('to-all').addEventListener('click', () => look(0, data.ended));
  byId('to-witness').addEventListener('click', () => data.witnesses.length && lookAt(data.witnesses[0].span));
  byId('closer').addEventListener('click', () => zoom(0.5, middle()));
  byId('farther').addEventListener('click', () => zoom(2, middle()));
  for (const button of document.querySelectorAll('[data-witness]')) {
    button.addEventListener('click', () => lookAt(data.witnesses[Number(button.dataset.witness)].span));
  }
  byId('to-witness').hidden = !data.witnesses.length;
  addEventListener('resize', draw);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => { legend(); draw(); });

  function legend() {
    const parts = [['life', 'process serves'], ['starting', 'starts'], ['control', 'controller'], ['lead', 'leads'],
      ['isr', 'in sync'], ['unsure', 'fenced, unknown'], ['fault', 'fault'], ['good', 'done'], ['bad', 'refused'],
      ['accent', 'shows what is wrong']];
    byId('legend').replaceChildren(...parts.flatMap(([name, text]) => {
      const square = document.createElement('span');
      square.style.background = color(name);
      return [square, text];
    }));
  }

  // A link may say what to show: #filter=words&messages=1&from=1.5&to=2 (seconds).
  const wish = new URLSearchParams(location.hash.slice(1));
  legend();
  view.messages = byId('messages').checked = wish.has('messages');
  if (wish.has('from') && wish.has('to')) look(Number(wish.get('from')) * 1e6, Number(wish.get('to')) * 1e6);
  byId('filter').value = wish.get('filter') || '';
  filter(byId('filter').value);
})();
