enum A { B }
namespace C { export const d = <string>e }
