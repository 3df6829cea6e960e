package engine

import "context"

// ObservedAdapter returns the adapter that the engine calls where Config.Observe
// is set.
func ObservedAdapter(a Adapter, observe func(context.Context, Operation) (context.Context, func(error))) Adapter {
	return capabilitiesOf(a, observe).Adapter
}
