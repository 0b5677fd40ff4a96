// The suite's own servers (client mode) name no host, which means every interface. They ask for their port at
// once after listen(), so the address is set where Node binds, and not by a host in listen(): that would be
// looked up first, and the port not yet be known.
const { Server } = require('node:net');

const bind = Server.prototype._listen2;
if (typeof bind !== 'function') {
  throw new Error('bind-loopback: this Node has no net.Server._listen2; the suite would listen on every interface');
}
Server.prototype._listen2 = function (address, port, type, ...rest) {
  const anywhere = !address || address === '::' || address === '0.0.0.0';
  return port >= 0 && anywhere
    ? bind.call(this, '127.0.0.1', port, 4, ...rest)
    : bind.call(this, address, port, type, ...rest);
};
