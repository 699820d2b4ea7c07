// Which function of TensorFlow.js an op of ours is, and how that is called.
//
// A step has the name of the function in our API, the names of its tensors, and all attributes of the op in its order.
// The rule: the function of the same name, called with the tensors and then the attributes. What differs is below.

// Attributes that the function takes, where it does not take all of them.
const TAKES = {
  avgPool: ['ksize', 'strides', 'padding'], maxPool: ['ksize', 'strides', 'padding'],
  conv2dTranspose: ['output_shape', 'strides', 'padding'], oneHot: ['depth', 'on_value', 'off_value', 'dtype'],
  unstack: ['axis'],
};
const SPELLED = { isNan: 'isNaN', gatherNd: 'gatherND', scatterNd: 'scatterND', batchToSpaceNd: 'batchToSpaceND',
  spaceToBatchNd: 'spaceToBatchND' };

// How TensorFlow's values of attributes are written in TensorFlow.js.
const pair = v => (v.length === 4 ? [v[1], v[2]] : v.length === 2 ? v : [v[0], v[0]]);
const pairs = v => [0, 2, 4, 6].map(i => [v[i], v[i + 1]]);
const VALUES = {
  strides: pair, ksize: pair, dilations: pair, mode: v => v.toLowerCase(),
  padding: (v, all) => (v === 'EXPLICIT' ? pairs(all.explicit_paddings) : v.toLowerCase()),
};

const camel = name => name.replace(/_(\w)/g, (_, letter) => letter.toUpperCase());

// Functions that are called in another way, or that have to be put together because the backend has no kernel.
const SPECIAL = {
  softmax: (tf, [x], { axis }) => {
    const last = x.rank - 1;
    const at = (axis + x.rank) % x.rank;
    if (at === last) return tf.softmax(x);
    const swapped = x.shape.map((_, i) => (i === at ? last : i === last ? at : i));
    return tf.transpose(tf.softmax(tf.transpose(x, swapped)), swapped);
  },
  split: (tf, [x], { num_split, axis, size_splits }) => tf.split(x, size_splits ?? num_split, axis),
  einsum: (tf, tensors, { equation }) => tf.einsum(equation, ...tensors),
  stridedSlice: (tf, [x], all) => tf.stridedSlice(x, ...Object.values(all)),
  conv2d: (tf, [x, filter], all) => {
    const call = (a, b) => tf.conv2d(a, b, ...positional('conv2d', all));
    const groups = x.shape[3] / filter.shape[2];
    if (groups === 1) return call(x, filter);
    const filters = tf.split(filter, groups, 3);
    return tf.concat(tf.split(x, groups, 3).map((part, i) => call(part, filters[i])), 3);
  },
};

function written(name, all) {
  const value = all[name] ?? undefined;
  return value === undefined || !VALUES[name] ? value : VALUES[name](value, all);
}

function positional(name, all) {
  const taken = TAKES[name] ?? Object.keys(all).filter(n => n !== 'explicit_paddings');
  return taken.map(n => written(n, all));
}

// tf.fused.*: one object with everything in it.
function fused(tf, name, [first, second, bias, slopes], all) {
  const product = name === 'matMul';
  const activation = (all.fused_ops ?? []).filter(op => op !== 'BiasAdd')[0];
  return tf.fused[name]({
    ...(product ? { a: first, b: second, transposeA: all.transpose_a, transposeB: all.transpose_b }
      : { x: first, filter: second, strides: written('strides', all), pad: written('padding', all),
        dataFormat: all.data_format, dilations: written('dilations', all) }),
    bias, preluActivationWeights: slopes, leakyreluAlpha: all.leakyrelu_alpha,
    activation: activation ? activation[0].toLowerCase() + activation.slice(1) : 'linear',
  });
}

// A function of tensors that computes one step.
function prepared(tf, { api, list, attrs }) {
  if (api.startsWith('fused_')) return tensors => fused(tf, camel(api.slice('fused_'.length)), tensors, attrs);
  const plain = camel(api);
  const name = SPELLED[plain] ?? plain;
  if (SPECIAL[name]) return tensors => SPECIAL[name](tf, tensors, attrs);
  const call = tf[name] ?? tf.image[name];
  if (!call) throw new Error(`TensorFlow.js has no function ${name}`);
  const given = positional(name, attrs);
  return list ? tensors => call(tensors, ...given) : tensors => call(...tensors, ...given);
}

const asList = found => (Array.isArray(found) ? found : found.shape ? [found] : Object.values(found));

// A function without arguments that runs the steps and gives the tensors of the last one; the others are disposed.
export function stepsRunner(tf, operands, steps) {
  const calls = steps.map(step => ({ ...step, call: prepared(tf, step) }));
  return () => tf.tidy(() => {
    const known = { ...operands };
    let found = [];
    for (const { name, inputs, call } of calls) {
      found = asList(call(inputs.map(n => known[n])));
      [known[name]] = found;
    }
    return found;
  });
}
