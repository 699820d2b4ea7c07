/** Why a run stopped: a kernel that finds a wrong value leaves the number of the check, the value and its limit. */
const told = ({ message }, memory) => {
  const left = new Int32Array(memory.buffer, 4, 3), [check, value, limit] = left;
  left.fill(0);
  return check ? CHECKS[check - 1].replace('{value}', value).replace('{limit}', limit) : `the module stopped: ${message}`;
};
